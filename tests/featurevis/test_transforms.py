"""Transforms: against pixels moved one by one, and their gradients."""

import math

import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis._transforms import GREY, compose, crop, jitter, noise, pad, rotate, scale, wobble


def pictures(size=9, count=2, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def draw(seed=0):
    return generator(seed, "a test")


def slow(image, size, degrees, factor, x, y):
    """A window around which the picture's middle is at (x, y), pixel by pixel, bilinear, grey beyond."""
    side, out = image.shape[-1], torch.empty(3, size, size, dtype=torch.float64)
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
            out[:, row, column] = total
    return out


@pytest.mark.parametrize(("size", "centre"), [(None, None), (12, 5.0), (7, 3.5)])
def test_wobble_turns_zooms_and_shifts_in_one_resampling(size, centre):
    images, draws = pictures(), draw()
    found = wobble(2.5, size, centre, turn=20, zoom=0.2)(images, draws)
    same = draw()
    either = [2 * torch.rand((), generator=same).item() - 1 for _ in range(4)]
    degrees, factor = 20 * either[0], math.exp(math.log1p(0.2) * either[1])
    side = size or 9
    middle = (side - 1) / 2 if centre is None else centre
    x, y = middle + 2.5 * either[2], middle + 2.5 * either[3]
    for image, expected in zip(images, found, strict=True):
        assert torch.allclose(slow(image, side, degrees, factor, x, y).float(), expected, atol=1e-5)


def test_a_turn_is_clockwise_and_a_zoom_enlarges():
    images = torch.full((1, 3, 9, 9), 0.0)
    images[..., 4, 8] = 1.0  # right of the middle
    still = wobble(0, turn=0, zoom=0)
    assert torch.allclose(still(images, draw()), images, atol=1e-6)
    turned = wobble(0, turn=90, zoom=0)

    # 90 degrees either way: the pixel is where a positive angle puts it, below the middle, or above for a negative one.
    draws = draw()
    angle = 90 * (2 * torch.rand((), generator=draw()).item() - 1)
    row, column = divmod(int(turned(images, draws)[0, 0].argmax()), 9)
    assert (row - 4 > 0) == (angle > 0)
    assert math.degrees(math.atan2(row - 4, column - 4)) == pytest.approx(angle, abs=12)


@pytest.mark.parametrize("transform", [rotate(), scale(), wobble(2, 12, 6.0), noise(0.1), pad(3), jitter(2), crop(5)])
def test_they_are_differentiable_seeded_and_the_same_for_all_images(transform):
    images = pictures(count=3).requires_grad_()
    one, other = transform(images, draw(3)), transform(images, draw(3))
    assert torch.equal(one, other)
    assert torch.autograd.grad(one.sum(), images)[0].abs().sum() > 0
    alone = transform(images[1:2], draw(3))
    assert torch.allclose(alone, one[1:2], atol=1e-6)


@pytest.mark.parametrize("transform", [rotate(), scale(), wobble(2), noise(0.1), jitter(3)])
def test_another_seed_draws_another_one(transform):
    assert not torch.equal(transform(pictures(), draw(0)), transform(pictures(), draw(1)))


def test_sizes():
    images = pictures(9)
    assert pad(3)(images, draw()).shape[-1] == 15
    assert (pad(3)(images, draw())[..., :3] == GREY).all()
    assert torch.equal(crop(5)(images, draw()), images[..., 2:7, 2:7])
    assert jitter(2)(images, draw()).shape[-1] == 7
    assert compose([pad(3), jitter(2), crop(9)])(images, draw()).shape[-1] == 9


@pytest.mark.parametrize("transform", [rotate(0), scale(0), wobble(0, turn=0, zoom=0), rotate(), scale(), wobble(2)])
def test_oblong_images_keep_their_shape(transform):
    images = pictures(9)[..., :6]
    assert transform(images, draw()).shape == images.shape


@pytest.mark.parametrize("transform", [rotate(0), scale(0), wobble(0, turn=0, zoom=0)])
def test_what_turns_by_nothing_changes_nothing(transform):
    images = pictures(9)[..., :6]
    assert torch.allclose(transform(images, draw()), images, atol=1e-6)


def test_jitter_reaches_every_place_and_none_beyond():
    images = torch.arange(16.0).view(1, 1, 4, 4)
    draws = draw()
    corners = {int(jitter(1)(images, draws)[0, 0, 0, 0]) for _ in range(64)}
    assert corners == {0, 1, 4, 5}


@pytest.mark.parametrize("transform", [crop(10), jitter(9)])
def test_what_is_too_small_is_refused(transform):
    with pytest.raises(VisaeError, match="9x9 px are smaller than the 10 px"):
        transform(pictures(9), draw())
