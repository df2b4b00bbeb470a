"""Objectives: scores of pictures, their arithmetic, and objectives over a whole batch or the picture itself.

An objective sees one forward pass of a batch: the pictures, the network's input and the maps of layers. It does not
know how pictures are made (the parameterisation) and perturbed (the transforms), so each can be swapped without
touching the others.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One forward pass of a batch of pictures.

    pictures:  before transforms, [b, c, s, s], 0..1; a fourth channel is alpha.
    images:    the network's input, after transforms, [b, 3, h, w].
    maps:      of each layer that the objective reads, [b, c, H, W]; only the middle position, [b, c, 1, 1], if the
               objective is centred.
    index:     position of each picture among all rendered pictures.
    progress:  completed fraction of the steps, for weights that grow; 1 for finished pictures.
    """

    pictures: Float[Tensor, "b c s s"]
    images: Float[Tensor, "b 3 h w"]
    maps: Mapping[str, Float[Tensor, "b _ _ _"]]
    index: Int64[Tensor, " b"]
    progress: float = 1.0


@dataclass(frozen=True, eq=False)
class Objective:
    """A score for each picture of a batch, to be maximised. Objectives add and scale.

    value:       scores of a forward pass, [b].
    layers:      names of the layers it reads.
    labels:      a description of each picture; empty for an objective over any number of pictures.
    group_size:  consecutive pictures that it compares, and that must share a batch.
    centred:     whether it reads only the middle position of maps, so that only its receptive field matters.
    fallback:    what to render instead of pictures that failed; None to keep them.
    """

    value: Callable[[ForwardPass], Float[Tensor, " b"]]
    layers: frozenset[str]
    labels: tuple[str, ...] = ()
    group_size: int = 1
    centred: bool = False
    fallback: "Fallback | None" = None

    def __add__(self, other: "Objective") -> "Objective":
        """Add scores; raises `VisaeError` for objectives over different numbers of pictures."""
        if self.labels and other.labels and len(self.labels) != len(other.labels):
            raise VisaeError(
                f"cannot add objectives over {len(self.labels)} and {len(other.labels)} pictures; give both the same "
                "number of units"
            )
        labels = self.labels or other.labels
        if self.labels and other.labels and self.labels != other.labels:
            labels = tuple(f"{first} + {second}" for first, second in zip(self.labels, other.labels, strict=True))
        return Objective(
            lambda seen: self.value(seen) + other.value(seen),
            self.layers | other.layers,
            labels,
            math.lcm(self.group_size, other.group_size),
            self.centred and other.centred,
            _fallback_of_sum(self, other),
        )

    def map_scores(self, function: Callable[[Float[Tensor, " b"], ForwardPass], Float[Tensor, " b"]]) -> "Objective":
        """Apply a function of the scores and the forward pass, also to the fallback's scores."""
        fallback = self.fallback and replace(self.fallback, objective=self.fallback.objective.map_scores(function))
        return replace(self, value=lambda seen: function(self.value(seen), seen), fallback=fallback)

    def __mul__(self, factor: float) -> "Objective":
        scaled = self.map_scores(lambda score, _: score * factor)
        # A silent unit is a failure only if the objective maximises the unit.
        return scaled if factor > 0 else replace(scaled, fallback=None)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Objective":
        return self * (1 / divisor)

    def __neg__(self) -> "Objective":
        return replace(self * -1.0, labels=tuple(f"-{label}" for label in self.labels))

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -other


@dataclass(frozen=True, eq=False)
class Fallback:
    """A second objective for pictures that failed under the first.

    failed:     which finished pictures failed, [b].
    objective:  what to maximise instead.
    """

    failed: Callable[[ForwardPass], Bool[Tensor, " b"]]
    objective: Objective


def _fallback_of_sum(first: Objective, second: Objective) -> Fallback | None:
    """Return the fallback of one summand, plus the other summand; the first's, if both have one."""
    if first.fallback is not None:
        return replace(first.fallback, objective=first.fallback.objective + replace(second, fallback=None))
    if second.fallback is not None:
        return replace(second.fallback, objective=first + second.fallback.objective)
    return None


def interpolation(first: Objective, last: Objective, count: int) -> Objective:
    """Interpolate over `count` pictures: picture i maximises (1 - t) first + t last, t = i / (count - 1).

    Raises `VisaeError` for fewer than 2 pictures, and for ends over another number of pictures.
    """
    if count < 2:
        raise VisaeError(f"count is {count}; an interpolation needs at least 2 pictures, its two ends")
    for end in (first, last):
        if end.labels and len(end.labels) != count:
            raise VisaeError(
                f"an end of the interpolation has {len(end.labels)} units, but count is {count}; "
                f"give each end a single unit, or {count}"
            )

    def value(seen: ForwardPass) -> Tensor:
        start, end = first.value(seen), last.value(seen)
        return torch.lerp(start, end, seen.index.to(start) / (count - 1))

    labels = tuple(f"{position / (count - 1):.2f} of the way" for position in range(count))
    group_size = math.lcm(first.group_size, last.group_size)
    return Objective(value, first.layers | last.layers, labels, group_size, first.centred and last.centred)


def diversity(layer: str, among: int) -> Objective:
    """Minus the mean cosine between the styles of `among` consecutive pictures at a layer: at most 0.

    The style of a picture is the Gram matrix of its maps, G = M M^T over positions (Gatys et al. 2015; lucid's
    `diversity`). Raises `VisaeError` for fewer than 2 pictures.
    """
    if among < 2:
        raise VisaeError(f"among is {among}; diversity needs at least 2 pictures")

    def value(seen: ForwardPass) -> Tensor:
        maps = seen.maps[layer].flatten(2)
        style = F.normalize((maps @ maps.mT).flatten(1), dim=1)
        style = style.reshape(-1, among, style.shape[1])
        cosines = style @ style.mT - torch.eye(among).to(style)
        return -cosines.sum(2).flatten() / (among - 1)

    return Objective(value, frozenset([layer]), group_size=among)


def alignment(layer: str, among: int) -> Objective:
    """Minus the distance between neighbours among `among` consecutive pictures at a layer: at most 0.

    The distance is the mean squared difference of maps over their mean square, summed over a picture's one or two
    neighbours. Added to an `interpolation`, it keeps pictures from changing more than necessary (compare lucid's
    `alignment`). Raises `VisaeError` for fewer than 2 pictures.
    """
    if among < 2:
        raise VisaeError(f"among is {among}; alignment needs at least 2 pictures")

    def value(seen: ForwardPass) -> Tensor:
        maps = seen.maps[layer].reshape(len(seen.index) // among, among, -1)
        distance = (maps[:, 1:] - maps[:, :-1]).square().mean(2) / (maps.square().mean((1, 2))[:, None] + 1e-12)
        return -(F.pad(distance, (0, 1)) + F.pad(distance, (1, 0))).flatten()

    return Objective(value, frozenset([layer]), group_size=among)


def penalty(cost: Callable[[Float[Tensor, "b c s s"]], Float[Tensor, " b"]]) -> Objective:
    """A cost of the pictures themselves, to be subtracted: `unit(...) - 0.1 * penalty(total_variation)`."""
    return Objective(lambda seen: cost(seen.pictures), frozenset(), centred=True)


def total_variation(pictures: Float[Tensor, "b c s s"]) -> Float[Tensor, " b"]:
    """Total variation: the mean absolute difference between neighbouring pixels, right and down."""
    across = (pictures[..., 1:] - pictures[..., :-1]).abs().mean((1, 2, 3))
    return across + (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean((1, 2, 3))


def opacity(pictures: Float[Tensor, "b c s s"]) -> Float[Tensor, " b"]:
    """The mean of the alpha channel; 1 without one."""
    return pictures[:, 3].mean((1, 2)) if pictures.shape[1] == 4 else pictures.new_ones(len(pictures))


def penalise_opacity(objective: Objective, cost: float = 0.5) -> Objective:
    """Multiply positive scores by 1 - cost * opacity, so that pictures with alpha stay opaque only where it pays off.

    A factor, unlike a difference, does not depend on the objective's scale.
    """

    def penalised(score: Tensor, seen: ForwardPass) -> Tensor:
        return torch.where(score > 0, score * (1 - cost * opacity(seen.pictures)), score)

    return objective.map_scores(penalised)
