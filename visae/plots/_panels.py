"""One dataset example as two square pictures: what the position sees, and the whole image with the unit's map."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageDraw

from visae.networks import Layer

SIDE = 132  # px of a panel
_STRONGEST = 0.9  # opacity of the map's maximum
_FADED = 0.6  # how far the image goes towards grey, so that the map's colours are its own
_CRISP = 4  # times that a crop must be enlarged for its pixels to be shown as squares
_MAP = matplotlib.colormaps["plasma"]

Pixels = UInt8[np.ndarray, "3 s s"]
Panel = UInt8[np.ndarray, "z z 3"]


@dataclass(frozen=True)
class Square:
    """A part of an image: its first column and row, and its side, px."""

    left: int
    top: int
    side: int


def seen(layer: Layer, row: int, column: int, side: int, size: int) -> Square:
    """The square of `side` px around what a position sees; at the border of an image of `size` px moved inside."""
    left, top = (round(layer.centre(place) - (side - 1) / 2) for place in (column, row))
    return Square(min(max(left, 0), size - side), min(max(top, 0), size - side), side)


def crop(pixels: Pixels, of: Square) -> Panel:
    """That part of an image; where it is tiny, its pixels are squares."""
    part = _image(pixels).crop((of.left, of.top, of.left + of.side, of.top + of.side))
    kind = Image.Resampling.NEAREST if _CRISP * of.side <= SIDE else Image.Resampling.LANCZOS
    return np.asarray(part.resize((SIDE, SIDE), kind))


def overlaid(pixels: Pixels, heat: Float[np.ndarray, "h w"], layer: Layer, of: Square) -> Panel:
    """The whole image under a unit's map, from clear at 0 to bright at the map's maximum, with a square drawn."""
    size = pixels.shape[1]
    image = np.asarray(_image(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)) / 255
    image = image + _FADED * (image.mean(2, keepdims=True) - image)
    rows, columns = (_between(count, layer, size) for count in heat.shape)
    share = np.clip(rows @ (heat / max(heat.max(), 1e-12)) @ columns.T, 0, 1)
    opacity = _STRONGEST * share[..., None]
    mixed = Image.fromarray(np.uint8(255 * ((1 - opacity) * image + opacity * _MAP(share)[..., :3]) + 0.5))
    _outline(mixed, of, size)
    return np.asarray(mixed)


def _between(count: int, layer: Layer, size: int) -> Float[np.ndarray, "z c"]:
    """Weights that interpolate, linearly, `count` positions of a map at the panel's pixels."""
    pixel = (np.arange(SIDE) + 0.5) * size / SIDE - 0.5
    place = np.clip((pixel - layer.offset) / layer.stride, 0, count - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(count))))


def _outline(image: Image.Image, of: Square, size: int) -> None:
    """White within black, to be seen on any ground."""
    scale = SIDE / size
    left, top, side = round(of.left * scale), round(of.top * scale), max(round(of.side * scale), 5)
    box = left, top, min(left + side, SIDE) - 1, min(top + side, SIDE) - 1
    draw = ImageDraw.Draw(image)
    draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), outline="black")
    draw.rectangle(box, outline="white")


def _image(pixels: Shaped[np.ndarray, "3 s s"]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
