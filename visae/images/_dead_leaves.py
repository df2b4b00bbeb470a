"""Dead leaves: occluding discs, ellipses and bars, shaded and textured; a source of images that needs no files.

Leaves that fall at random and occlude each other, with sizes from a power law, have the statistics of natural
images: straight and curved edges at every scale, lines, patches of colour, a power spectrum near 1/f^2.
The model: Ruderman, "Origins of scaling in natural images", Vision Research 37 (1997); Lee, Mumford and
Huang, "Occlusion models for natural images", IJCV 41 (2001), who show that images are scale-invariant when
sizes have the density p(r) ~ r^-3.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn import functional

from visae._support.errors import VisaeError
from visae._support.seeds import generator

# Increase whenever the same seed yields different pixels: everything made from leaves records it.
MODEL = 1
# Exponent of the size distribution at which images are scale-invariant.
EXPONENT = 3.0
# Smallest leaf, in px and as a fraction of the image: smaller ones cost as much to paint but are barely visible.
SMALLEST_PX, SMALLEST = 3.0, 1 / 40
# Largest leaf, as a fraction of the image: a larger one could leave an image without an edge.
LARGEST = 0.5
# An infinite pile hides the background; a few large leaves at the bottom hide it at a fraction of the cost.
GROUND, GROUND_SMALLEST = 14, 0.2
# Leaves above the ground: enough for edges of all sizes everywhere, few enough to be fast.
LEAVES = 130
# Fractions of discs and of ellipses; the rest are bars, which give straight edges and lines.
DISCS, ELLIPSES = 0.35, 0.25
# Short axis of an ellipse over its long axis: the curvature varies along one rim.
FLATNESS = 0.3, 1.0
# Half the length of a bar over its size: long enough that its sides, not its ends, fill a receptive field.
BAR_LENGTH = 2.0, 5.0
# Half the width of a bar, px, and its exponent: flatter than the exponent of sizes, so that wide bars are not rare.
BAR_HALF_WIDTH_PX, BAR_EXPONENT = 1.0, 2.0
# Fraction of bars that are lines, and half their width, px: one pixel wide and up.
LINES, LINE_HALF_WIDTH_PX = 0.3, (0.5, 1.0)
# Fraction of leaves that are nearly grey, and the saturations: contrast and hue detectors need both.
GREYS, GREY_SATURATION, COLOUR_SATURATION = 0.45, (0.0, 0.12), (0.35, 1.0)
# Brightness stays away from black and white, so that shading and texture remain visible.
BRIGHTNESS = 0.06, 0.94
# Largest fraction of brightness that shading adds at a rim, and largest texture contrast: edges dominate.
LIGHT, TEXTURE = 0.3, 0.16
# Fractions of leaves without texture and with a grating; the others carry smooth noise.
PLAIN, GRATINGS = 0.5, 0.2
# Periods of gratings, px: from the finest that a 7x7 kernel resolves to ones that look like gradients to it.
PERIOD_PX = 4.0, 16.0
# Grain of the smooth noise, px: coarser than the thinnest lines, so that it is not mistaken for them.
GRAIN_PX = 5

Array = np.ndarray


class Leaves:
    """`count` dead-leaves images of `size` px; image i depends only on `seed` and i. Implements `Images`.

    The same seed and index give the same bits on the same machine. Raises `VisaeError` for fewer than 1 image, and for
    images below 8 px, which are too small for a leaf.
    """

    def __init__(self, count: int, size: int = 128, seed: int = 0):
        if count < 1:
            raise VisaeError(f"found {count} leaves, expected at least 1; ask for more, for instance leaves:2000")
        if size < 8:
            raise VisaeError(f"found leaves of {size} px, expected at least 8 px; ask for larger images")
        self.name = f"leaves:{count}"
        self.count, self.size, self.seed = count, size, seed

    def __len__(self) -> int:
        return self.count

    def key(self, index: int) -> str:
        """The name of image `index`, such as "leaf 17"."""
        return f"leaf {self._checked(index)}"

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """RGB pixels, and their SHA-256."""
        pixels = paint_image(self.size, generator(self.seed, "leaves", self._checked(index)))
        return pixels, hashlib.sha256(pixels.numpy().tobytes()).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Everything that determines what `read` returns."""
        return {"kind": "leaves", "model": MODEL, "count": self.count, "size": self.size, "seed": self.seed}

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"image {index} of {self.count}")
        return index


@dataclass(frozen=True)
class Leaf:
    """Position, shape, colour, shading and texture of a leaf. Pixel centres are integers; angles clockwise, y down."""

    is_bar: bool  # a rectangle; otherwise an ellipse
    x: float
    y: float
    along: float  # half extents, px
    across: float
    angle: float  # of the long axis, radians
    red: float  # colour, 0..1
    green: float
    blue: float
    light_x: float  # brightness gradient of the shading, per px
    light_y: float
    noise: float  # contrast of the smooth noise, 0 for none
    grating: float  # contrast of the grating, 0 for none
    wave_x: float  # radians per px
    wave_y: float
    phase: float


def paint_image(size: int, source: torch.Generator) -> UInt8[Tensor, "3 s s"]:
    """Paint one image of `size` px: a background colour, a ground of large leaves, and leaves of all sizes on top."""
    canvas = np.empty((3, size, size), dtype=np.float32)
    canvas[:] = _colours(1, source).reshape(3, 1, 1)
    noise = _smooth_noise(size, source)
    for leaf in _random_leaves(size, source):
        paint_leaf(canvas, leaf, noise)
    return torch.from_numpy((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))


def paint_leaf(canvas: Float32[Array, "3 s s"], leaf: Leaf, noise: Float32[Array, "s s"]) -> None:
    """Paint one leaf over the canvas, touching only the leaf's bounding box."""
    columns, rows = _bounds(leaf, canvas.shape[1])
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    x = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(leaf.x)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(leaf.y)
    brightness = (1 + leaf.light_x * x) + leaf.light_y * y
    if leaf.noise:
        brightness += leaf.noise * noise[rows, columns]
    if leaf.grating:
        brightness += leaf.grating * np.cos((leaf.wave_x * x + leaf.phase) + leaf.wave_y * y)
    cover = _cover(leaf, x, y)
    brightness *= cover
    patch = canvas[:, rows, columns]
    patch *= 1 - cover
    for channel, value in zip(patch, (leaf.red, leaf.green, leaf.blue), strict=True):
        channel += value * brightness


def _bounds(leaf: Leaf, size: int) -> tuple[slice, slice]:
    """The columns and rows of the canvas that the leaf can cover."""
    cos, sin = abs(math.cos(leaf.angle)), abs(math.sin(leaf.angle))
    sides = (leaf.along * cos, leaf.across * sin), (leaf.along * sin, leaf.across * cos)
    reach_x, reach_y = (sum(side) if leaf.is_bar else math.hypot(*side) for side in sides)
    return _span(leaf.x, reach_x, size), _span(leaf.y, reach_y, size)


def _span(centre: float, reach: float, size: int) -> slice:
    return slice(max(math.floor(centre - reach), 0), max(min(math.ceil(centre + reach) + 1, size), 0))


def _cover(leaf: Leaf, x: Float32[Array, " w"], y: Float32[Array, "h 1"]) -> Float32[Array, "h w"]:
    """Fraction of each pixel that the leaf covers, 0..1, from the distance of the pixel's centre to the rim."""
    cos, sin = math.cos(leaf.angle), math.sin(leaf.angle)
    u, v = cos * x + sin * y, cos * y - sin * x
    inside = _inside_bar(leaf, u, v) if leaf.is_bar else _inside_ellipse(leaf, u, v)
    return np.clip(inside + np.float32(0.5), 0, 1)


def _inside_bar(leaf: Leaf, u: Float32[Array, "h w"], v: Float32[Array, "h w"]) -> Float32[Array, "h w"]:
    return np.asarray(np.minimum(leaf.along - np.abs(u, out=u), leaf.across - np.abs(v, out=v)))


def _inside_ellipse(leaf: Leaf, u: Float32[Array, "h w"], v: Float32[Array, "h w"]) -> Float32[Array, "h w"]:
    """Distance to the rim of f = u^2/a^2 + v^2/b^2 = 1, to first order: (1 - f) / |grad f|."""
    u *= 1 / leaf.along
    v *= 1 / leaf.across
    f = u * u + v * v
    u *= 2 / leaf.along
    v *= 2 / leaf.across
    slope = np.sqrt(u * u + v * v)
    slope += 1e-6
    return np.asarray((1 - f) / slope)


def power_law(
    uniform: Float[Array, " n"],
    low: float | Float[Array, " n"],
    high: float | Float[Array, " n"],
    exponent: float,
) -> Float[Array, " n"]:
    """Map uniform numbers in [0, 1) to numbers in [low, high) with density p(r) ~ r^-exponent.

    Inverts F(r) = (low^k - r^k) / (low^k - high^k), k = 1 - exponent, for an exponent above 1.
    """
    k = 1 - exponent
    return np.asarray((low**k - uniform * (low**k - high**k)) ** (1 / k))


def _random_leaves(size: int, source: torch.Generator) -> list[Leaf]:
    """The leaves of one image, from the back to the front."""
    count = GROUND + LEAVES
    is_bar, along, across = _shapes(size, source)
    # A centre may lie outside the image as long as the leaf reaches into it.
    x, y = (_uniform(count, source) * (size - 1 + 2 * along) - along for _ in range(2))
    light, light_angle = LIGHT * _uniform(count, source) / along, _angles(count, source)
    texture, strength = _uniform(count, source), TEXTURE * _uniform(count, source)
    is_grating = texture < GRATINGS
    is_noise = (texture >= GRATINGS) & (texture < 1 - PLAIN)
    wave, wave_angle = 2 * np.pi / _between(PERIOD_PX, _uniform(count, source)), _angles(count, source)
    columns = [
        *(is_bar, x, y, along, across, _angles(count, source)),
        *_colours(count, source).T,
        *(light * np.cos(light_angle), light * np.sin(light_angle)),
        *(strength * is_noise, strength * is_grating),
        *(wave * np.cos(wave_angle), wave * np.sin(wave_angle), _angles(count, source)),
    ]
    return [Leaf(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _shapes(size: int, source: torch.Generator) -> tuple[Array, Float[Array, " n"], Float[Array, " n"]]:
    """Which leaves are bars, and their half extents along and across, px."""
    count = GROUND + LEAVES
    kind, large, long, flat, thin = (_uniform(count, source) for _ in range(5))
    smallest = np.full(count, min(max(SMALLEST_PX, SMALLEST * size), LARGEST * size / 2))
    smallest[:GROUND] = GROUND_SMALLEST * size
    radius = power_law(large, smallest, LARGEST * size, EXPONENT)
    is_bar = (kind >= DISCS + ELLIPSES) & (np.arange(count) >= GROUND)
    widest = np.maximum(radius, 2 * BAR_HALF_WIDTH_PX)
    bar = power_law(flat, BAR_HALF_WIDTH_PX, widest, BAR_EXPONENT)
    bar = np.where(thin < LINES, _between(LINE_HALF_WIDTH_PX, flat), bar)
    oval = radius * np.where(kind < DISCS, 1, _between(FLATNESS, flat))
    return is_bar, np.where(is_bar, radius * _between(BAR_LENGTH, long), radius), np.where(is_bar, bar, oval)


def _colours(count: int, source: torch.Generator) -> Float[Array, "n 3"]:
    """Random RGB colours, 0..1, drawn as hue, saturation and value."""
    hue, grey, vivid, bright = (_uniform(count, source)[:, None] for _ in range(4))
    saturation = np.where(grey < GREYS, _between(GREY_SATURATION, vivid), _between(COLOUR_SATURATION, vivid))
    pure = np.clip(np.abs((6 * hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return np.asarray(_between(BRIGHTNESS, bright) * (1 - saturation * (1 - pure)))


def _smooth_noise(size: int, source: torch.Generator) -> Float32[Array, "s s"]:
    cells = size // GRAIN_PX + 2
    coarse = torch.randn(1, 1, cells, cells, generator=source)
    smooth = functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    return np.asarray(smooth[0, 0].numpy())


def _uniform(count: int, source: torch.Generator) -> Float[Array, " n"]:
    return np.asarray(torch.rand(count, generator=source, dtype=torch.float64).numpy())


def _angles(count: int, source: torch.Generator) -> Float[Array, " n"]:
    return 2 * np.pi * _uniform(count, source)


def _between(ends: tuple[float, float], uniform: Float[Array, "..."]) -> Float[Array, "..."]:
    return ends[0] + (ends[1] - ends[0]) * uniform
