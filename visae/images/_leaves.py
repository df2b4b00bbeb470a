"""Dead leaves: occluding discs, ellipses and bars, lit and textured; a source of images that needs no files.

Leaves that fall at random and hide each other, with sizes from a power law, have the statistics of natural
images: straight and curved edges at every scale, lines, patches of colour, a spectrum near 1/f^2.
The model: Ruderman, "Origins of scaling in natural images", Vision Research 37 (1997); Lee, Mumford and
Huang, "Occlusion models for natural images", IJCV 41 (2001), who show that sizes of density p(r) ~ r^-3
leave the images without a scale of their own.
"""

import hashlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn import functional

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.images._leaf import Leaf, lay

# Raised whenever the same seed gives other pixels: whatever was made from leaves carries it.
MODEL = 1
# The exponent of the sizes under which the images look the same at every scale.
EXPONENT = 3.0
# The smallest leaf, in px and as a share of the image: smaller ones cost as much to paint and show little.
SMALLEST_PX, SMALLEST = 3.0, 1 / 40
# The largest leaf, as a share of the image: a larger one could leave an image without an edge.
LARGEST = 0.5
# An endless pile hides its ground; a few large leaves at the bottom hide it at a fraction of the cost.
GROUND, GROUND_SMALLEST = 14, 0.2
# Leaves above the ground: enough that edges of all sizes are everywhere, few enough to be fast.
LEAVES = 130
# Attribution of discs and of ellipses; the rest are bars, which give straight edges and lines.
DISCS, ELLIPSES = 0.35, 0.25
# The short axis of an ellipse, as a share of its long one: many curvatures on one rim.
FLATNESS = 0.3, 1.0
# Half the length of a bar, in sizes: long enough that its sides, not its ends, fill a receptive field.
BAR_LENGTH = 2.0, 5.0
# Half the width of a bar, px, and its exponent: flatter than that of sizes, so that wide bars are not rare.
BAR_HALF_WIDTH_PX, BAR_EXPONENT = 1.0, 2.0
# The share of bars that are lines, and half their width, px: one pixel wide and up.
LINES, LINE_HALF_WIDTH_PX = 0.3, (0.5, 1.0)
# The share of leaves that are nearly grey, and the saturations: detectors of contrast and of hue need both.
GREYS, GREY_SATURATION, COLOUR_SATURATION = 0.45, (0.0, 0.12), (0.35, 1.0)
# Brightness stops short of black and white, so that light and texture still show.
BRIGHTNESS = 0.06, 0.94
# The largest share of brightness that light adds at a rim, and the largest strength of a texture: edges rule.
LIGHT, TEXTURE = 0.3, 0.16
# Attribution of leaves without texture and with a grating; the others carry smooth noise.
PLAIN, GRATINGS = 0.5, 0.2
# Periods of gratings, px: from what a 7x7 kernel resolves to what it sees as a slope.
PERIOD_PX = 4.0, 16.0
# The grain of smooth noise, px: coarser than the thinnest lines, so that it is not mistaken for them.
GRAIN_PX = 5

Array = np.ndarray


class Leaves:
    """`count` dead-leaves images of `size` px; image i depends on `seed` and i alone, never on the others.

    The same seed, index and machine give the same bits. Fulfils `Images`.
    Raises `VisaeError` when there would be no image, or images too small to hold a leaf.
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
        """The name of image `index`, as "leaf 17"."""
        return f"leaf {self._checked(index)}"

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """RGB pixels, and the SHA-256 of those pixels."""
        pixels = paint(self.size, generator(self.seed, "leaves", self._checked(index)))
        return pixels, hashlib.sha256(pixels.numpy().tobytes()).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Everything that decides what `read` returns."""
        return {"kind": "leaves", "model": MODEL, "count": self.count, "size": self.size, "seed": self.seed}

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(f"image {index} of {self.count}")
        return index


def paint(size: int, source: torch.Generator) -> UInt8[Tensor, "3 s s"]:
    """One image of `size` px: a colour, a ground of large leaves, and leaves of all sizes upon it."""
    canvas = np.empty((3, size, size), dtype=np.float32)
    canvas[:] = _colours(1, source).reshape(3, 1, 1)
    noise = _smooth_noise(size, source)
    for leaf in _fall(size, source):
        lay(canvas, leaf, noise)
    return torch.from_numpy((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))


def power_law(
    uniform: Float[Array, " n"],
    low: float | Float[Array, " n"],
    high: float | Float[Array, " n"],
    exponent: float,
) -> Float[Array, " n"]:
    """Turn uniform numbers in [0, 1) into numbers in [low, high) of density p(r) ~ r^-exponent.

    By the inverse of F(r) = (low^k - r^k) / (low^k - high^k), k = 1 - exponent, for an exponent above 1.
    """
    k = 1 - exponent
    return np.asarray((low**k - uniform * (low**k - high**k)) ** (1 / k))


def _fall(size: int, source: torch.Generator) -> list[Leaf]:
    """The leaves of one image, from the back to the front."""
    count = GROUND + LEAVES
    is_bar, along, across = _shapes(size, source)
    # A centre may lie beyond the border, as far as the leaf still reaches into the image.
    x, y = (_uniform(count, source) * (size - 1 + 2 * along) - along for _ in range(2))
    light, lit_from = LIGHT * _uniform(count, source) / along, _angles(count, source)
    texture, strength = _uniform(count, source), TEXTURE * _uniform(count, source)
    is_grating = texture < GRATINGS
    is_noise = (texture >= GRATINGS) & (texture < 1 - PLAIN)
    wave, waves_to = 2 * np.pi / _between(PERIOD_PX, _uniform(count, source)), _angles(count, source)
    columns = [
        *(is_bar, x, y, along, across, _angles(count, source)),
        *_colours(count, source).T,
        *(light * np.cos(lit_from), light * np.sin(lit_from)),
        *(strength * is_noise, strength * is_grating),
        *(wave * np.cos(waves_to), wave * np.sin(waves_to), _angles(count, source)),
    ]
    return [Leaf(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _shapes(size: int, source: torch.Generator) -> tuple[Array, Float[Array, " n"], Float[Array, " n"]]:
    """Which leaves are bars, and half their extents along and across, px."""
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
    """Random colours, RGB in 0..1, by way of hue, saturation and value."""
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
