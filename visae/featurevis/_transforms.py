"""Transforms: small random changes between the picture and the network, so that what is drawn does not hang on a pixel.

A transform is a function of images [b, c, h, w] and a generator, differentiable, the same for all images of a batch: an
image does not depend on which others are drawn beside it.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError

Images = Float[Tensor, "b c _ _"]
Transform = Callable[[Images, torch.Generator], Images]

GREY = 0.5
# Those of lucid, of which most published feature visualisations are: degrees and factors either way.
TURN, ZOOM = 10.0, 0.1


def compose(transforms: Sequence[Transform]) -> Transform:
    """One after the other."""

    def composed(images: Images, generator: torch.Generator) -> Images:
        for transform in transforms:
            images = transform(images, generator)
        return images

    return composed


def pad(px: int, value: float = GREY) -> Transform:
    """A border of one value."""
    return lambda images, _: F.pad(images, (px,) * 4, value=value)


def crop(size: int) -> Transform:
    """The middle square of `size` px; raises `VisaeError` for images that are smaller."""

    def cropped(images: Images, _: torch.Generator) -> Images:
        _refuse_smaller(images, size)
        top, left = ((side - size) // 2 for side in images.shape[2:])
        return images[:, :, top : top + size, left : left + size]

    return cropped


def jitter(px: int) -> Transform:
    """A crop that is `px` px smaller either way, at a random place."""

    def jittered(images: Images, generator: torch.Generator) -> Images:
        _refuse_smaller(images, px + 1)
        top, left = torch.randint(px + 1, (2,), generator=generator).tolist()
        return images[:, :, top : top + images.shape[2] - px, left : left + images.shape[3] - px]

    return jittered


def noise(sd: float) -> Transform:
    """Gaussian noise, the same for every image."""

    def noisy(images: Images, generator: torch.Generator) -> Images:
        return images + sd * torch.randn(images.shape[1:], generator=generator).to(images)

    return noisy


def scale(zoom: float = ZOOM) -> Transform:
    """Enlarge or shrink about the middle by a factor of up to 1 + zoom, either way; beyond the border is grey."""
    return lambda images, generator: _resampled(
        images, images.shape[2:], 0.0, math.exp(_either(math.log1p(zoom), generator))
    )


def rotate(degrees: float = TURN) -> Transform:
    """Turn about the middle by up to so many degrees, either way; beyond the border is grey."""
    return lambda images, generator: _resampled(images, images.shape[2:], _either(degrees, generator), 1.0)


def wobble(
    shift: float, size: int | None = None, centre: float | None = None, turn: float = TURN, zoom: float = ZOOM
) -> Transform:
    """Turn, zoom and shift in one resampling, into a window: what the network sees of the picture. The standard one.

    shift:   px, right and down, either way.
    size:    px, side of the window; that of the picture, if None.
    centre:  px, where in the window the middle of the picture is put, in x and in y, before the shift; its middle, if
             None.
    """

    def wobbled(images: Images, generator: torch.Generator) -> Images:
        angle, factor = _either(turn, generator), math.exp(_either(math.log1p(zoom), generator))
        shape = images.shape[2:] if size is None else (size, size)
        x, y = ((side - 1) / 2 if centre is None else centre for side in (shape[1], shape[0]))
        moved = x + _either(shift, generator), y + _either(shift, generator)
        return _resampled(images, shape, angle, factor, moved)

    return wobbled


def _resampled(
    images: Images, shape: Sequence[int], degrees: float, factor: float, middle: tuple[float, float] | None = None
) -> Images:
    """A window of a height and a width in which the picture, turned clockwise and enlarged, has its middle at (x, y).

    In the window's middle, if none is given.
    """
    x, y = middle or ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    b, c, h, w = images.shape
    cos, sin = (of(math.radians(degrees)) / factor for of in (math.cos, math.sin))
    rows, columns = torch.meshgrid(torch.arange(shape[0]) - y, torch.arange(shape[1]) - x, indexing="ij")
    # From a px of the window to the px of the picture it shows, as a share of half a side, -1..1 over its pixels.
    places = torch.stack([(cos * columns + sin * rows) * (2 / w), (cos * rows - sin * columns) * (2 / h)], -1)
    # All images as channels of few: where to look is worked out once for each of these, and threads share them.
    several = math.gcd(b * c, torch.get_num_threads())
    grid = places[None].expand(several, -1, -1, -1).to(images)
    beside = (images - GREY).reshape(several, -1, h, w)
    shown = F.grid_sample(beside, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return shown.reshape(b, c, *shape) + GREY


def _either(most: float, generator: torch.Generator) -> float:
    """A number from -most to most."""
    return most * (2 * torch.rand((), generator=generator).item() - 1)


def _refuse_smaller(images: Images, size: int) -> None:
    if min(images.shape[2:]) < size:
        raise VisaeError(
            f"images of {images.shape[2]}x{images.shape[3]} px are smaller than the {size} px to be cut out"
        )
