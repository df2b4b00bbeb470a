"""The config of a kind of SAE: its settings, its name, and how it is built and drawn. Does not import torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from visae._support.errors import VisaeError

if TYPE_CHECKING:
    import torch

    from visae.sae._base import SAE


class LineStyle(NamedTuple):
    """How a kind is drawn in every plot: colour, marker and dash, in matplotlib's terms.

    Each kind has its own marker, for greyscale prints.
    """

    colour: str = "0.5"
    marker: str = "."
    dash: str = "-"


@dataclass(frozen=True)
class SAEConfig:
    """The settings of one kind of SAE: subclass it as a frozen dataclass whose fields all have defaults.

    Register the subclass with `visae.register_kind`. Beside its fields, which are integers, floats or strings, it has
    what the rest of visae needs to know about the kind:

    kind:      its name on the command line and in files.
    sae:       the class that it builds, a subclass of `visae.SAE`.
    varied:    settings in which the SAEs of one stack may differ; the SAE has a buffer of the same name for each.
    summary:   what it is, in a few words, for tables.
    source:    the paper.
    style:     how its line is drawn.
    baseline:  whether it is fitted in one go instead of trained.

    Its docstring explains each field in an entry `name:  text`, which the command line shows as help.
    """

    kind: ClassVar[str]
    sae: ClassVar[Any]
    varied: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    style: ClassVar[LineStyle] = LineStyle()
    baseline: ClassVar[bool] = False

    width: int = 768

    def build(self, dim: int, generator: "torch.Generator") -> "SAE":
        """Return a fresh SAE over rows of `dim`; `generator` draws its initial directions.

        Raises `VisaeError` for settings that rows of this dimension do not allow.
        """
        sae: SAE = self.sae.create(self, dim, generator)
        return sae


@dataclass(frozen=True)
class TrainedConfig(SAEConfig):
    """The settings of a kind that is trained, of which a part may be frozen to make a null.

    A trained dictionary is to be compared with one of which a part never learned (Korznikov et al. 2026, arXiv
    2602.14111). Everything else is trained as ever: biases, thresholds, and norms where they are free.

    freeze:  what stays as it was drawn at first: none, decoder, encoder, or soft-decoder, whose directions are kept
             within a cosine of 0.8 of their start; not every kind has all of these.

    freezable:  by part, the names of the parameters that hold it.
    """

    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "decoder": ("decoder",),
        "encoder": ("encoder",),
        "soft-decoder": (),
    }

    freeze: str = field(default="none", kw_only=True)

    def __post_init__(self) -> None:
        if self.freeze != "none" and self.freeze not in self.freezable:
            known = ", ".join(["none", *self.freezable])
            raise VisaeError(f"freeze is {self.freeze!r}; for a {self.kind} SAE it must be one of {known}")


def finite(value: float) -> bool:
    """Return whether a number is 0 or more, and finite; false for NaN."""
    return 0 <= value < math.inf


def most_that_fire(k: int, width: int) -> int:
    """Return how many features may fire at one position where k do on average, if a config does not say."""
    return min(4 * k, 2 * k + 16, width)
