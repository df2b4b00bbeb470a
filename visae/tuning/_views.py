"""The images that a sweep draws: large enough for a receptive field, shared by layers with a common centre."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from visae.networks import Layer
from visae.units import Units

# The largest image, px. A layer with a larger receptive field sees a part of the pattern, as in its training images.
LARGEST = 224
_MULTIPLE = 32  # sizes that every stride up to 32 divides


@dataclass(frozen=True)
class View:
    """An image of `size` px whose pattern is centred on px `centre`, in x and in y.

    positions: row and column of the map that is centred there, for each population that shares the image, by index.
    """

    size: int
    centre: float
    positions: dict[int, int]


def viewing(layer: Layer) -> tuple[int, int, float]:
    """Return the image size in px, the row and column of the map to read, and the centre of its receptive field in px.

    The smallest size, a multiple of 32, at which the position's receptive field lies wholly inside the image.
    """
    half = (layer.receptive_field - 1) / 2
    for size in range(_MULTIPLE, LARGEST + 1, _MULTIPLE):
        position = _nearest_position(layer, size / 2)
        centre = layer.centre(position)
        if centre - half >= 0 and centre + half <= size - 1:
            return size, position, centre
    position = _nearest_position(layer, LARGEST / 2)
    return LARGEST, position, layer.centre(position)


def widest(populations: Iterable[Units]) -> Layer:
    """Return the layer with the largest receptive field among those of the populations."""
    return max((units.layer for units in populations), key=lambda layer: layer.receptive_field)


def views(populations: Sequence[Units]) -> list[View]:
    """Return the fewest views that show every population its patterns at the centre of a receptive field.

    The first belongs to the layer with the largest receptive field; layers without a position at its centre share
    another.
    """
    remaining, needed = dict(enumerate(populations)), []
    while remaining:
        size, _, centre = viewing(widest(remaining.values()))
        nearest = {index: _nearest_position(units.layer, centre) for index, units in remaining.items()}
        positions = {
            index: position for index, position in nearest.items() if remaining[index].layer.centre(position) == centre
        }
        needed.append(View(size, centre, positions))
        remaining = {index: units for index, units in remaining.items() if index not in positions}
    return needed


def _nearest_position(layer: Layer, px: float) -> int:
    return round((px - layer.offset) / layer.stride)
