"""The image that a network is shown while a picture is drawn: how large it is, and where the picture lies in it."""

import math
from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.featurevis._transforms import Transform, wobble
from visae.featurevis.objectives import Objective
from visae.networks import Network

# px that a picture is shifted either way, as a share of what is seen: 8 px for mixed3b's 91.
SHIFT = 1 / 11
_LARGEST = 512  # px, beyond which no receptive field is waited for
_OF_WHOLE_MAPS = 2  # pictures of whole maps are so many receptive fields wide


@dataclass(frozen=True)
class Window:
    """size: px, side of what the network is shown.  centre: px, where in it the middle of the picture belongs.

    picture: px, side of the picture.  sees: px, side of the square that counts; the window's, if all of it does.
    """

    size: int
    centre: float
    picture: int
    sees: int

    @property
    def still(self) -> Transform:
        """From pictures to what the network is shown of them, without anything random."""
        return wobble(0, self.size, self.centre, turn=0, zoom=0)

    @property
    def shift(self) -> int:
        """px by which the picture is shifted either way, so that what is drawn does not hang on a pixel."""
        return _shift(self.sees)


def window(network: Network, objective: Objective, picture: int | None) -> Window:
    """The smallest window in which the objective sees all that it can.

    An objective that reads one position alone is shown that position's receptive field, whatever the picture's size;
    the picture is as large as that and the transforms' shifts together, if no size is given. One that reads whole maps
    is shown the whole picture. Raises `VisaeError` for a size below 8 px, for one that the network
    cannot take, and for an objective that reads no layer.
    """
    if not objective.layers:
        raise VisaeError("the objective reads no layer of the network, as a penalty alone does not; add a unit to it")
    layers = [network.layer(name) for name in sorted(objective.layers)]
    widest = max(layer.receptive_field for layer in layers)
    stride = math.lcm(*(layer.stride for layer in layers))
    if picture is not None and picture < 8:
        raise VisaeError(f"pictures of {picture} px; they must be of at least 8")
    if not objective.centred:
        size = _multiple(picture or _OF_WHOLE_MAPS * widest, stride)
        found = Window(size, (size - 1) / 2, picture or size, size)
    else:
        size, centre = _around(network, sorted(objective.layers), widest, stride)
        sees = min(widest, size)
        found = Window(size, centre, picture or sees + 2 * _shift(sees), sees)
    network.map_shapes(sorted(objective.layers), found.size)
    return found


def _around(network: Network, names: list[str], sees: int, stride: int) -> tuple[int, float]:
    """The smallest size, a multiple of the stride, at which the middle position's receptive field lies inside."""
    half, widest = (sees - 1) / 2, max(names, key=lambda name: network.layer(name).receptive_field)
    largest = _multiple(_LARGEST, stride)
    for size in range(min(_multiple(sees, stride), largest), largest + stride, stride):
        centre = middle(network, widest, size)
        if half <= centre <= size - 1 - half:
            break
    return size, centre


def middle(network: Network, layer: str, size: int) -> float:
    """The px at the centre of what the middle position of a layer's map sees, of images of `size` px."""
    return network.layer(layer).centre(network.map_shapes([layer], size)[layer][1] // 2)


def _shift(sees: int) -> int:
    return int(sees * SHIFT)


def _multiple(size: int, stride: int) -> int:
    return -(-size // stride) * stride
