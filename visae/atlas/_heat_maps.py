"""Heat maps: where in its example images a unit fires, as one sprite sheet for many units."""

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from visae.atlas._statistics_pass import ImageActivations
from visae.examples import DatasetExamples

MAX_SIDE = 32  # px of a heat map
_LEVELS = 16
_MAX_OPACITY = 0.85  # at a map's maximum

HeatMap = Float[np.ndarray, "_ _"]


class HeatMaps:
    """The maps of every unit over the images of its examples, gathered during a pass over the images."""

    def __init__(self, populations: Sequence[DatasetExamples]):
        self._units_by_image = [_units_by_image(examples) for examples in populations]
        self._maps: list[dict[tuple[int, int], HeatMap]] = [{} for _ in populations]

    @property
    def images(self) -> list[int]:
        """The images that are examples of any unit, in the order of the source."""
        return sorted(set().union(*self._units_by_image))

    def add(self, activations: ImageActivations) -> None:
        """Keep the maps of the units for which this image is an example."""
        image = activations.image
        for kept, maps, units in zip(self._maps, activations.maps, self._units_by_image, strict=True):
            for unit in units.get(image, ()):
                kept[unit, image] = _downsampled(maps[unit])

    def get(self, population: int, unit: int, image: int) -> HeatMap | None:
        """Return a unit's map over one image; None if it was not kept."""
        return self._maps[population].get((unit, image))


def _units_by_image(examples: DatasetExamples) -> dict[int, set[int]]:
    """Return for each image the units for which it is an example."""
    units: dict[int, set[int]] = {}
    for part in (examples.top, examples.samples):
        for unit, rank in (part.value > 0).nonzero().tolist():
            units.setdefault(int(part.image[unit, rank]), set()).add(unit)
    return units


def _downsampled(heat: Float[Tensor, "h w"]) -> HeatMap:
    """Max-pool a map to at most 32 px, in float16."""
    if max(heat.shape) > MAX_SIDE:
        heat = F.adaptive_max_pool2d(heat[None], MAX_SIDE)[0]
    small: HeatMap = heat.half().numpy()
    return small


def heat_side(maps: Sequence[Sequence[HeatMap | None]]) -> int:
    """Return the side of the maps, px; 1 if there are none."""
    return max((len(heat) for row in maps for heat in row if heat is not None), default=1)


def heat_sheet(maps: Sequence[Sequence[HeatMap | None]], across: int) -> bytes:
    """Encode a row of maps for each unit as a PNG whose colours fade from clear at 0 to opaque at a map's maximum.

    A border of one pixel repeats each map's own edge, so that neighbours do not bleed in when a map is enlarged.
    """
    side = heat_side(maps) + 2
    sheet = np.zeros((len(maps) * side, across * side), np.uint8)
    for row, of_unit in enumerate(maps):
        for column, heat in enumerate(of_unit):
            if heat is not None:
                tile = np.pad(_levels(heat), 1, mode="edge")
                sheet[row * side : row * side + len(tile), column * side : column * side + len(tile)] = tile
    image = Image.fromarray(sheet, "P")
    colours = matplotlib.colormaps["plasma"](np.linspace(0, 1, _LEVELS))[:, :3]
    image.putpalette(np.uint8(np.rint(colours * 255)).tobytes())
    opacity = bytes(round(255 * _MAX_OPACITY * level / (_LEVELS - 1)) for level in range(_LEVELS))
    data = io.BytesIO()
    image.save(data, "png", bits=4, transparency=opacity, optimize=True)
    return data.getvalue()


def _levels(heat: HeatMap) -> UInt8[np.ndarray, "_ _"]:
    """Quantise a map from 0 to its maximum."""
    values = heat.astype(np.float32)
    share = np.clip(values / max(float(values.max()), 1e-12), 0, 1)
    levels: UInt8[np.ndarray, "_ _"] = np.rint(share * (_LEVELS - 1)).astype(np.uint8)
    return levels
