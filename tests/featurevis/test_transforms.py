"""Transforms against pixels moved one by one, and their gradients."""

import math

import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis.transforms import compose, crop, jitter, noise, pad, random_affine, rotate, scale
from visae.featurevis.transforms._transforms import GREY


def pictures(size=9, count=2):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def draws(seed=0):
    return generator(seed, "a test")


def slow_affine(image, size, degrees, factor, x, y):
    """A window in which the picture's middle is at (x, y), pixel by pixel, bilinear, grey beyond the border."""
    side, window = image.shape[-1], torch.empty(3, size, size, dtype=torch.float64)
    cos, sin = math.cos(math.radians(degrees)) / factor, math.sin(math.radians(degrees)) / factor
    for row in range(size):
        for column in range(size):
            u, v = column - x, row - y
            px, py = (side - 1) / 2 + cos * u + sin * v, (side - 1) / 2 + cos * v - sin * u
            total = torch.zeros(3, dtype=torch.float64)
            for i in (math.floor(py), math.floor(py) + 1):
                for j in (math.floor(px), math.floor(px) + 1):
                    weight = max(0, 1 - abs(py - i)) * max(0, 1 - abs(px - j))
                    inside = 0 <= i < side and 0 <= j < side
                    total += weight * (image[:, i, j].double() if inside else GREY)
            window[:, row, column] = total
    return window


@pytest.mark.parametrize(("size", "centre"), [(None, None), (12, 5.0), (7, 3.5)])
def test_random_affine_against_slow_resampling(size, centre):
    images = pictures()
    windows = random_affine(2.5, size, centre, rotation=20, zoom=0.2)(images, draws())
    same = draws()
    uniform = [2 * torch.rand((), generator=same).item() - 1 for _ in range(4)]
    degrees, factor = 20 * uniform[0], math.exp(math.log1p(0.2) * uniform[1])
    side = size or 9
    middle = (side - 1) / 2 if centre is None else centre
    x, y = middle + 2.5 * uniform[2], middle + 2.5 * uniform[3]
    for image, window in zip(images, windows, strict=True):
        assert torch.allclose(slow_affine(image, side, degrees, factor, x, y).float(), window, atol=1e-5)


def test_rotations_are_clockwise():
    images = torch.full((1, 3, 9, 9), 0.0)
    images[..., 4, 8] = 1.0  # right of the middle
    unchanged = random_affine(0, rotation=0, zoom=0)
    assert torch.allclose(unchanged(images, draws()), images, atol=1e-6)
    angle = 90 * (2 * torch.rand((), generator=draws()).item() - 1)
    rotated = random_affine(0, rotation=90, zoom=0)(images, draws())
    row, column = divmod(int(rotated[0, 0].argmax()), 9)
    # A positive angle puts the pixel below the middle, a negative one above.
    assert (row - 4 > 0) == (angle > 0)
    assert math.degrees(math.atan2(row - 4, column - 4)) == pytest.approx(angle, abs=12)


@pytest.mark.parametrize(
    "transform", [rotate(), scale(), random_affine(2, 12, 6.0), noise(0.1), pad(3), jitter(2), crop(5)]
)
def test_transforms_are_differentiable_and_repeatable_and_treat_images_alike(transform):
    images = pictures(count=3).requires_grad_()
    first, second = transform(images, draws(3)), transform(images, draws(3))
    assert torch.equal(first, second)
    assert torch.autograd.grad(first.sum(), images)[0].abs().sum() > 0
    alone = transform(images[1:2], draws(3))
    assert torch.allclose(alone, first[1:2], atol=1e-6)


@pytest.mark.parametrize("transform", [rotate(), scale(), random_affine(2), noise(0.1), jitter(3)])
def test_transforms_depend_on_the_seed(transform):
    assert not torch.equal(transform(pictures(), draws(0)), transform(pictures(), draws(1)))


def test_sizes():
    images = pictures(9)
    assert pad(3)(images, draws()).shape[-1] == 15
    assert (pad(3)(images, draws())[..., :3] == GREY).all()
    assert torch.equal(crop(5)(images, draws()), images[..., 2:7, 2:7])
    assert jitter(2)(images, draws()).shape[-1] == 7
    assert compose([pad(3), jitter(2), crop(9)])(images, draws()).shape[-1] == 9


@pytest.mark.parametrize(
    "transform",
    [rotate(0), scale(0), random_affine(0, rotation=0, zoom=0), rotate(), scale(), random_affine(2)],
)
def test_oblong_images_keep_their_shape(transform):
    images = pictures(9)[..., :6]
    assert transform(images, draws()).shape == images.shape


@pytest.mark.parametrize("transform", [rotate(0), scale(0), random_affine(0, rotation=0, zoom=0)])
def test_zero_ranges_change_nothing(transform):
    images = pictures(9)[..., :6]
    assert torch.allclose(transform(images, draws()), images, atol=1e-6)


def test_jitter_reaches_every_offset_and_none_beyond():
    images = torch.arange(16.0).view(1, 1, 4, 4)
    generator = draws()
    corners = {int(jitter(1)(images, generator)[0, 0, 0, 0]) for _ in range(64)}
    assert corners == {0, 1, 4, 5}


@pytest.mark.parametrize("transform", [crop(10), jitter(9)])
def test_images_must_not_be_smaller_than_the_crop(transform):
    with pytest.raises(VisaeError, match=r"9x9 px .* 10 px"):
        transform(pictures(9), draws())
