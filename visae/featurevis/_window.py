"""The network's input while rendering: its size, and where the picture lies in it.

A unit at the middle of a map depends only on its receptive field. A window just large enough for that makes a step
several times cheaper and changes nothing for the unit.
"""

import math
from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.featurevis.objectives import Objective
from visae.featurevis.transforms._transforms import Transform, random_affine
from visae.networks import Network

_SHIFT = 1 / 11  # of the receptive field, either way: 8 px for mixed3b's 91
_LARGEST = 512  # px: the largest window for a receptive field
_FIELDS_A_PICTURE = 2  # receptive fields per side of a picture whose whole map is scored
_SMALLEST_PICTURE = 8  # px


@dataclass(frozen=True)
class Window:
    """The network's input and the picture's position in it.

    size:             px, side of the input.
    centre:           px, x and y of the picture's middle.
    picture_size:     px, side of the picture.
    receptive_field:  px, side of the square that the objective depends on, at most `size`.
    """

    size: int
    centre: float
    picture_size: int
    receptive_field: int

    @property
    def unperturbed(self) -> Transform:
        """The transform from pictures to this input, without randomness."""
        return random_affine(0, self.size, self.centre, rotation=0, zoom=0)

    @property
    def max_shift(self) -> int:
        """The largest shift of the picture, px, either way."""
        return _max_shift(self.receptive_field)


def smallest_window(network: Network, objective: Objective, picture_size: int | None) -> Window:
    """Return the smallest window that contains everything the objective depends on.

    A centred objective gets the receptive field of its middle position, whatever the picture's size, which defaults to
    that plus the largest shifts. An objective over whole maps gets the whole picture, by default two receptive fields
    wide.

    Raises `VisaeError` for a size below 8 px or too large for the network, and for an objective that reads no layer.
    """
    if not objective.layers:
        raise VisaeError("the objective reads no layer of the network, only pictures; add a unit to it")
    if picture_size is not None and picture_size < _SMALLEST_PICTURE:
        raise VisaeError(f"size is {picture_size} px; pictures need at least {_SMALLEST_PICTURE}")
    names = sorted(objective.layers)
    layers = [network.layer(name) for name in names]
    widest = max(layer.receptive_field for layer in layers)
    stride = math.lcm(*(layer.stride for layer in layers))
    if objective.centred:
        size, centre = _around_middle(network, names, widest, stride)
        visible = min(widest, size)
        window = Window(size, centre, picture_size or visible + 2 * _max_shift(visible), visible)
    else:
        size = _round_up(picture_size or _FIELDS_A_PICTURE * widest, stride)
        window = Window(size, (size - 1) / 2, picture_size or size, size)
    network.map_shapes(names, window.size)
    return window


def _around_middle(network: Network, names: list[str], receptive_field: int, stride: int) -> tuple[int, float]:
    """Return the smallest size, a multiple of the stride, that contains the middle position's receptive field, and the
    field's centre."""
    half, widest = (receptive_field - 1) / 2, max(names, key=lambda name: network.layer(name).receptive_field)
    largest = _round_up(_LARGEST, stride)
    for size in range(min(_round_up(receptive_field, stride), largest), largest + stride, stride):
        centre = middle_centre(network, widest, size)
        if half <= centre <= size - 1 - half:
            break
    return size, centre


def middle_centre(network: Network, layer: str, size: int) -> float:
    """Return the centre (px, in x and y) of the middle position's receptive field, in images of `size` px."""
    return network.layer(layer).centre(network.map_shapes([layer], size)[layer][1] // 2)


def _max_shift(receptive_field: int) -> int:
    return int(receptive_field * _SHIFT)


def _round_up(size: int, stride: int) -> int:
    return -(-size // stride) * stride
