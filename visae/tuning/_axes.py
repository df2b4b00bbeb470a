"""Where a sweep puts its stimuli: the values of their parameters."""

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import Layer
from visae.tuning._views import LARGEST
from visae.tuning.stimuli import Stimulus

# Radii, in receptive fields, at both ends of the sweep: the range of the published heat maps, a factor of 24.5.
_RADII = (0.12, 2.94)
_FEWEST = 8


def angles(count: int, period: float = 360.0) -> Float[Tensor, " o"]:
    """Orientations in degrees, `count` on a full circle; those of half of it, if they come round after 180 degrees.

    Raises `VisaeError` for fewer than 8 on a circle, and for an odd number, of which no two are opposite.
    """
    if count < _FEWEST or count % 2:
        raise VisaeError(f"{count} orientations; ask for at least {_FEWEST}, an even number")
    return torch.arange(round(count * period / 360)) * (360 / count)


def default_radii(layer: Layer, count: int) -> Float[Tensor, " r"]:
    """Radii in px, log-spaced from 0.12 to 2.94 times the side of the layer's receptive field.

    Raises `VisaeError` for none.
    """
    if count < 1:
        raise VisaeError(f"{count} radii; ask for at least 1")
    low, high = (end * min(layer.receptive_field, LARGEST) for end in _RADII)
    return torch.logspace(0, 1, count, base=high / low, dtype=torch.float64).mul(low).float()


def default_axes(
    kind: Stimulus, layer: Layer, orientations: int = 72, radii: int = 16
) -> dict[str, Float[Tensor, " _"]]:
    """The axes of a sweep: orientation last, and before it what else most matters of this kind."""
    others = {
        "radius": default_radii(layer, radii),
        "opening": torch.arange(30.0, 181.0, 30.0),
        "wavelength": torch.tensor([4.0, 6.0, 9.0, 13.5]),
        "phase": torch.tensor([0.0, 90.0, 180.0, 270.0]),
        "hue": torch.arange(0.0, 180.0, 30.0),
    }
    if "radius" not in kind.parameters:
        others["width"] = torch.tensor([1.0, 2.0, 4.0, 8.0])
    axes = {name: values for name, values in others.items() if name in kind.parameters}
    return {**axes, "orientation": angles(orientations, kind.period)}
