"""An objective: what a picture is to be good at. It scores every image of a batch; objectives add and scale.

An objective is a function of what is seen of a batch of images: the canvases, and the maps of layers. It never asks
how the images are made (a parameterisation does) nor how they are shown to the network (transforms do).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen of a batch of images.

    canvas:  the pictures as they are drawn, before transforms, [b, c, s, s], 0..1; with a fourth channel for alpha.
    images:  what the network is shown, [b, 3, h, w].
    maps:    of each layer that the objective reads, [b, c, H, W]; if it is centred their middle position alone,
             [b, c, 1, 1].
    index:   the number of each image among all that are rendered.
    done:    the share of the steps that are done, for what is asked less at first; 1 for a picture that is finished.
    """

    canvas: Float[Tensor, "b c s s"]
    images: Float[Tensor, "b 3 h w"]
    maps: Mapping[str, Float[Tensor, "b _ _ _"]]
    index: Int64[Tensor, " b"]
    done: float = 1.0


@dataclass(frozen=True, eq=False)
class Objective:
    """A score for each image of a batch, the larger the better.

    value:    from what is seen to scores, [b].
    layers:   whose maps it reads.
    labels:   what each image shows; empty if it is the same for any number of images.
    together: how many consecutive images it must see at once.
    centred:  whether it reads the maps' middle position alone, so that only what that position sees matters.
    second:   what to ask of pictures that failed; None to leave them as they are.
    """

    value: Callable[[Seen], Float[Tensor, " b"]]
    layers: frozenset[str]
    labels: tuple[str, ...] = ()
    together: int = 1
    centred: bool = False
    second: "Second | None" = None

    def __add__(self, other: "Objective") -> "Objective":
        """Both; raises `VisaeError` if they are of different numbers of images."""
        if self.labels and other.labels and len(self.labels) != len(other.labels):
            raise VisaeError(
                f"one objective is of {len(self.labels)} images, the other of {len(other.labels)}; give both as many"
            )
        labels = self.labels or other.labels
        if self.labels and other.labels and self.labels != other.labels:
            labels = tuple(f"{one} + {two}" for one, two in zip(self.labels, other.labels, strict=True))
        return Objective(
            lambda seen: self.value(seen) + other.value(seen),
            self.layers | other.layers,
            labels,
            math.lcm(self.together, other.together),
            self.centred and other.centred,
            _second_of_both(self, other),
        )

    def scored(self, change: Callable[[Float[Tensor, " b"], Seen], Float[Tensor, " b"]]) -> "Objective":
        """The same with other scores, from its own and from what is seen; what is asked second likewise."""
        second = self.second and replace(self.second, objective=self.second.objective.scored(change))
        return replace(self, value=lambda seen: change(self.value(seen), seen), second=second)

    def __mul__(self, factor: float) -> "Objective":
        scaled = self.scored(lambda score, _: score * factor)
        # Where little is wanted, what has little has not failed.
        return scaled if factor > 0 else replace(scaled, second=None)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Objective":
        return self * (1 / divisor)

    def __neg__(self) -> "Objective":
        return replace(self * -1.0, labels=tuple(f"-{label}" for label in self.labels))

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -other


@dataclass(frozen=True, eq=False)
class Second:
    """Another objective, to be tried for pictures that failed.

    failed:     whether a finished picture is not what was wanted, [b].
    """

    failed: Callable[[Seen], Bool[Tensor, " b"]]
    objective: Objective


def _second_of_both(one: Objective, other: Objective) -> Second | None:
    """What is asked second of one, with the other; of two that have a second, of the first."""
    if one.second is not None:
        return replace(one.second, objective=one.second.objective + replace(other, second=None))
    if other.second is not None:
        return replace(other.second, objective=one + other.second.objective)
    return None
