"""How strongly units answer to colour alone: to edges between opposite hues of one lightness."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from visae.tuning.axes import angles
from visae.tuning.sweep import sweep
from visae.units import Units

_HUES, _ORIENTATIONS = 12, 24


def colour_peaks(populations: Sequence[Units], batch: int = 64) -> list[Float[Tensor, " u"]]:
    """The largest response of each unit of some populations of one network to any edge of colour."""
    axes = {"hue": angles(_HUES, 360.0), "orientation": angles(_ORIENTATIONS)}
    return [found.peak() for found in sweep(populations, "colour_edge", axes, batch=batch)]
