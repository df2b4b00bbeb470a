"""What every kind of SAE says of itself: its settings, its name, how it is built and drawn. Free of torch."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    import torch

    from visae.sae._base import SAE


class LineStyle(NamedTuple):
    """How a kind is drawn in every plot: colour, marker and dash, in matplotlib's terms.

    A marker of its own for each kind, for those who print in grey.
    """

    colour: str = "0.5"
    marker: str = "."
    dash: str = "-"


@dataclass(frozen=True)
class SAEConfig:
    """The settings of one kind of SAE: subclass it as a frozen dataclass whose fields all have defaults.

    Register the subclass with `visae.register_kind`. Beside its fields, which are whole numbers, numbers or words, it
    carries what the rest of visae needs to know of the kind:

    kind:      its name on the command line and in files.
    sae:       the class that it builds, a subclass of `visae.SAE`.
    varied:    settings in which the SAEs of one stack may differ; the SAE has a buffer of the same name for each.
    summary:   what it is, in a few words, for tables.
    source:    the paper.
    style:     how its line is drawn.
    baseline:  whether it is fitted at once instead of trained.

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
        """Return a fresh SAE over rows of `dim`; `generator` decides its first directions.

        Raises `VisaeError` for settings that rows of this width do not allow.
        """
        made: SAE = self.sae.create(self, dim, generator)
        return made


def finite(value: float) -> bool:
    """Whether a number is 0 or more, and finite; false for NaN."""
    return 0 <= value < math.inf
