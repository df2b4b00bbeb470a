"""The curve sweep: every unit of a layer, at every orientation and radius, in one pass."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from visae.errors import VisaeError
from visae.progress import Progress
from visae.tuning.curves import Curves
from visae.tuning.stimuli import filled_circles, stroke_circles
from visae.units import Units
from visae.zoo.layers import Layer

Stimulus = Callable[[Tensor, Tensor, int, float], Tensor]
STIMULI: dict[str, Stimulus] = {"stroke": stroke_circles, "filled": filled_circles}
# The largest image: a layer that sees more is shown a part of the circle, as its photographs showed it.
_LARGEST = 224
_MULTIPLE = 32  # sizes that every stride up to 32 divides
# Radii, in receptive fields, at both ends of the sweep: the range of the published heat maps, a factor of 24.5.
_RADII = (0.12, 2.94)


def curves(
    units: Units,
    stimulus: str = "stroke",
    orientations: int = 72,
    radii: int | Float[Tensor, " r"] = 16,
    batch: int = 64,
) -> Curves:
    """Responses of units to circles through the centre of what one position sees.

    stimulus:      `stroke` or `filled`.
    orientations:  how many, evenly over 360 degrees.
    radii:         px; or how many, log-spaced from 0.12 to 2.94 receptive fields.

    The rim passes through the centre of the receptive field of the position that is read. Raises `VisaeError` for a
    stimulus that does not exist and for fewer than 8 orientations or 1 radius.
    """
    if stimulus not in STIMULI:
        raise VisaeError(f"no stimulus named {stimulus!r}; there are {', '.join(STIMULI)}")
    r = radii if isinstance(radii, Tensor) else default_radii(units.layer, radii)
    if orientations < 8 or len(r) < 1:
        raise VisaeError(f"{orientations} orientations and {len(r)} radii; ask for at least 8 and 1")
    degrees = torch.arange(orientations) * (360 / orientations)
    response = _sweep(units, STIMULI[stimulus], torch.cartesian_prod(r.float(), degrees), batch)
    shaped = response.view(len(r), orientations, len(units)).permute(2, 0, 1).contiguous()
    return Curves(units.kind, units.network.name, units.layer.name, stimulus, degrees, r.float(), shaped)


def default_radii(layer: Layer, count: int) -> Float[Tensor, " r"]:
    """Radii in px, log-spaced from 0.12 to 2.94 times the side of the layer's receptive field."""
    low, high = (end * min(layer.receptive_field, _LARGEST) for end in _RADII)
    return torch.logspace(0, 1, max(count, 0), base=high / low, dtype=torch.float64).mul(low).float()


def viewing(layer: Layer) -> tuple[int, int, float]:
    """The size of images in px, the row and column of the map that is read, and the px at the centre of what it sees.

    The smallest size, a multiple of 32, at which the position's receptive field lies wholly inside the image.
    """
    half = (layer.receptive_field - 1) / 2
    for size in range(_MULTIPLE, _LARGEST + 1, _MULTIPLE):
        position = round((size / 2 - layer.offset) / layer.stride)
        centre = layer.centre(position)
        if centre - half >= 0 and centre + half <= size - 1:
            return size, position, centre
    position = round((_LARGEST / 2 - layer.offset) / layer.stride)
    return _LARGEST, position, layer.centre(position)


@torch.inference_mode()
def _sweep(units: Units, stimulus: Stimulus, parameters: Float[Tensor, "n 2"], batch: int) -> Float[Tensor, "n u"]:
    size, position, centre = viewing(units.layer)
    units.network.map_shapes([units.layer.name], size)
    out = []
    with Progress(f"curves of {units.kind}", len(parameters), "stimuli") as progress:
        for part in torch.split(parameters, batch):
            radius, orientation = part.to(units.network.device).unbind(1)
            images = stimulus(orientation, radius, size, centre).contiguous(memory_format=torch.channels_last)
            out.append(units.maps(images)[:, :, position, position].float().cpu())
            progress.update(len(part))
    return torch.cat(out)
