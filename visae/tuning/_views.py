"""The image that one position of a layer sees, and which populations of units can look at the same one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from visae.networks import Layer
from visae.units import Units

# The largest image: a layer that sees more is shown a part of the pattern, as its photographs showed it.
LARGEST = 224
_MULTIPLE = 32  # sizes that every stride up to 32 divides


@dataclass(frozen=True)
class View:
    """An image of `size` px, whose pattern belongs to the point at px `centre` in x and in y.

    positions: of each population that looks at it, by index, the row and column of the map that is centred there.
    """

    size: int
    centre: float
    positions: dict[int, int]


def viewing(layer: Layer) -> tuple[int, int, float]:
    """The size of images in px, the row and column of the map that is read, and the px at the centre of what it sees.

    The smallest size, a multiple of 32, at which the position's receptive field lies wholly inside the image.
    """
    half = (layer.receptive_field - 1) / 2
    for size in range(_MULTIPLE, LARGEST + 1, _MULTIPLE):
        position = _nearest(layer, size / 2)
        centre = layer.centre(position)
        if centre - half >= 0 and centre + half <= size - 1:
            return size, position, centre
    position = _nearest(layer, LARGEST / 2)
    return LARGEST, position, layer.centre(position)


def widest(populations: Iterable[Units]) -> Layer:
    """The layer that sees most, of those that populations of units are of."""
    return max((units.layer for units in populations), key=lambda layer: layer.receptive_field)


def views(populations: Sequence[Units]) -> list[View]:
    """Views that show every population its patterns in the middle of what a position sees, as few as that takes.

    The first is that of the layer that sees most; layers that have no position at its centre share another.
    """
    left, found = dict(enumerate(populations)), []
    while left:
        size, _, centre = viewing(widest(left.values()))
        nearest = {index: _nearest(units.layer, centre) for index, units in left.items()}
        there = {index: at for index, at in nearest.items() if left[index].layer.centre(at) == centre}
        found.append(View(size, centre, there))
        left = {index: units for index, units in left.items() if index not in there}
    return found


def _nearest(layer: Layer, px: float) -> int:
    return round((px - layer.offset) / layer.stride)
