"""A dataset example as two square pictures: the receptive field, and the whole image under the unit's map."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from visae.networks import Layer

SIDE = 132  # px of a picture
_MAX_OPACITY = 0.9  # of the map, at its maximum
_DESATURATION = 0.6  # of the image, so that the map's colours stand out
_CRISP = 4  # minimum enlargement at which a crop's pixels are shown as squares
_COLOURS = matplotlib.colormaps["plasma"]

Pixels = UInt8[np.ndarray, "3 s s"]
Picture = UInt8[np.ndarray, "z z 3"]


@dataclass(frozen=True)
class Square:
    """A part of an image: its first column and row, and its side, px."""

    left: int
    top: int
    side: int


def square_around(layer: Layer, row: int, column: int, side: int, size: int) -> Square:
    """Return the square of `side` px centred on a position, shifted at the border to stay inside an image of `size` px.

    row, column: of the layer's map.
    """
    left, top = (round(layer.centre(index) - (side - 1) / 2) for index in (column, row))
    return Square(min(max(left, 0), size - side), min(max(top, 0), size - side), side)


def crop(pixels: Pixels, square: Square) -> Picture:
    """Cut out a square and enlarge it; pixels of a tiny one stay squares."""
    part = _image(pixels).crop((square.left, square.top, square.left + square.side, square.top + square.side))
    resampling = Image.Resampling.NEAREST if _CRISP * square.side <= SIDE else Image.Resampling.LANCZOS
    return np.asarray(part.resize((SIDE, SIDE), resampling))


def overlay_map(pixels: Pixels, unit_map: Float[np.ndarray, "h w"], layer: Layer, square: Square) -> Picture:
    """Overlay a unit's map on the whole image, from clear at 0 to bright at the map's maximum, and outline a square."""
    size = pixels.shape[1]
    image = np.asarray(_image(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)) / 255
    image = image + _DESATURATION * (image.mean(2, keepdims=True) - image)
    rows, columns = (_interpolation(count, layer, size) for count in unit_map.shape)
    share = np.clip(rows @ (unit_map / max(unit_map.max(), 1e-12)) @ columns.T, 0, 1)
    opacity = _MAX_OPACITY * share[..., None]
    blended = Image.fromarray(np.uint8(255 * ((1 - opacity) * image + opacity * _COLOURS(share)[..., :3]) + 0.5))
    _outline(blended, square, size)
    return np.asarray(blended)


def _interpolation(count: int, layer: Layer, size: int) -> Float[np.ndarray, "z c"]:
    """Weights that linearly interpolate `count` positions of a map at the picture's pixels."""
    pixel = (np.arange(SIDE) + 0.5) * size / SIDE - 0.5
    position = np.clip((pixel - layer.offset) / layer.stride, 0, count - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(position[:, None] - np.arange(count))))


def _outline(image: Image.Image, square: Square, size: int) -> None:
    """Draw the square in white within black, so that it shows on any background."""
    scale = SIDE / size
    left, top, side = round(square.left * scale), round(square.top * scale), max(round(square.side * scale), 5)
    box = left, top, min(left + side, SIDE) - 1, min(top + side, SIDE) - 1
    draw = ImageDraw.Draw(image)
    draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), outline="black")
    draw.rectangle(box, outline="white")


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
