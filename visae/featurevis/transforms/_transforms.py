"""Transforms: small random changes between a picture and the network.

A picture has to activate its unit under all of them, so it cannot rely on single pixels (Olah et al. 2017). A transform
is a differentiable function of images [b, c, h, w] and a generator. It changes all images in a batch alike, so that a
picture does not depend on which others are rendered with it.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError

ImageBatch = Float[Tensor, "b c _ _"]
Transform = Callable[[ImageBatch, torch.Generator], ImageBatch]

GREY = 0.5
# lucid's values, used for most published feature visualisations: degrees and factors, either way.
ROTATION, ZOOM = 10.0, 0.1


def compose(transforms: Sequence[Transform]) -> Transform:
    """Apply transforms in order."""

    def composed(images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        for transform in transforms:
            images = transform(images, generator)
        return images

    return composed


def pad(px: int, value: float = GREY) -> Transform:
    """Add a border of one value."""
    return lambda images, _: F.pad(images, (px,) * 4, value=value)


def crop(size: int) -> Transform:
    """Crop to the middle square of `size` px; raises `VisaeError` for smaller images."""

    def cropped(images: ImageBatch, _: torch.Generator) -> ImageBatch:
        _refuse_smaller(images, size)
        top, left = ((side - size) // 2 for side in images.shape[2:])
        return images[:, :, top : top + size, left : left + size]

    return cropped


def jitter(px: int) -> Transform:
    """Crop height and width by `px` px, at a random offset; raises `VisaeError` for smaller images."""

    def jittered(images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        _refuse_smaller(images, px + 1)
        top, left = torch.randint(px + 1, (2,), generator=generator).tolist()
        return images[:, :, top : top + images.shape[2] - px, left : left + images.shape[3] - px]

    return jittered


def noise(sd: float) -> Transform:
    """Add Gaussian noise, the same for every image."""

    def noisy(images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        return images + sd * torch.randn(images.shape[1:], generator=generator).to(images)

    return noisy


def scale(zoom: float = ZOOM) -> Transform:
    """Enlarge or shrink about the middle by a factor of up to 1 + zoom; beyond the border it is grey."""
    return lambda images, generator: _resample(
        images, images.shape[2:], 0.0, math.exp(_uniform(math.log1p(zoom), generator))
    )


def rotate(degrees: float = ROTATION) -> Transform:
    """Rotate about the middle by up to `degrees`, either way; beyond the border it is grey."""
    return lambda images, generator: _resample(images, images.shape[2:], _uniform(degrees, generator), 1.0)


def random_affine(
    shift: float, size: int | None = None, centre: float | None = None, rotation: float = ROTATION, zoom: float = ZOOM
) -> Transform:
    """Rotate, zoom and shift in one resampling, into the window that the network sees: the default of `render`.

    shift:     px, right and down, either way.
    size:      px, side of the window; the picture's, if None.
    centre:    px, x and y of the picture's middle in the window before the shift; the window's middle, if None.
    rotation:  degrees, either way.
    zoom:      enlarges or shrinks by a factor of up to 1 + zoom.
    """

    def transformed(images: ImageBatch, generator: torch.Generator) -> ImageBatch:
        angle, factor = _uniform(rotation, generator), math.exp(_uniform(math.log1p(zoom), generator))
        shape = images.shape[2:] if size is None else (size, size)
        x, y = ((side - 1) / 2 if centre is None else centre for side in (shape[1], shape[0]))
        shifted = x + _uniform(shift, generator), y + _uniform(shift, generator)
        return _resample(images, shape, angle, factor, shifted)

    return transformed


def _resample(
    images: ImageBatch, shape: Sequence[int], degrees: float, factor: float, middle: tuple[float, float] | None = None
) -> ImageBatch:
    """Return a window [h, w] with the picture, rotated clockwise and enlarged, centred at (x, y).

    `middle` is (x, y); the window's middle, if None.
    """
    x, y = middle or ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    b, c, h, w = images.shape
    cos, sin = math.cos(math.radians(degrees)) / factor, math.sin(math.radians(degrees)) / factor
    rows, columns = torch.meshgrid(torch.arange(shape[0]) - y, torch.arange(shape[1]) - x, indexing="ij")
    # The position in the picture of every pixel of the window: -1..1 over the picture's sides.
    positions = torch.stack([(cos * columns + sin * rows) * (2 / w), (cos * rows - sin * columns) * (2 / h)], -1)
    # Pack images as channels of a few: interpolation weights are then computed once for each, and threads share the
    # work.
    merged = math.gcd(b * c, torch.get_num_threads())
    grid = positions[None].expand(merged, -1, -1, -1).to(images)
    # Zeros beyond the border are grey.
    centred = (images - GREY).reshape(merged, -1, h, w)
    window = F.grid_sample(centred, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return window.reshape(b, c, *shape) + GREY


def _uniform(limit: float, generator: torch.Generator) -> float:
    """Draw a number from -limit to limit."""
    return limit * (2 * torch.rand((), generator=generator).item() - 1)


def _refuse_smaller(images: ImageBatch, size: int) -> None:
    if min(images.shape[2:]) < size:
        raise VisaeError(
            f"images of {images.shape[2]}x{images.shape[3]} px are smaller than the crop of {size} px; pad them or "
            "crop less"
        )
