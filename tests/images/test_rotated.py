"""Turning: against whole-pixel rotations, and by where a dot lands."""

import math

import pytest
import torch

from visae.images._rotated import turned


def noise(side):
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def test_not_turned_it_is_a_crop():
    image = noise(21)
    crop = turned(image, 9.0, 12.0, torch.zeros(1), 7, 3.0)[0]
    assert torch.allclose(crop, image[:, 9:16, 6:13], atol=1e-5)


def test_quarter_turns_are_those_of_whole_pixels():
    image = noise(15)
    crops = turned(image, 7.0, 7.0, torch.tensor([0.0, 90.0, 180.0, 270.0]), 15, 7.0)
    for quarters, crop in enumerate(crops):
        # torch.rot90 turns counter-clockwise, as one sees it with y down.
        assert torch.allclose(crop, torch.rot90(image, -quarters, (1, 2)), atol=1e-5)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 135.0, 290.0])
def test_a_dot_moves_clockwise(degrees):
    image = torch.zeros(3, 101, 101)
    image[:, 50, 70] = 1.0
    crop = turned(image, 50.0, 50.0, torch.tensor([degrees]), 61, 30.0)[0, 0]
    v, u = torch.meshgrid(torch.arange(61.0), torch.arange(61.0), indexing="ij")
    at = (crop * u).sum() / crop.sum(), (crop * v).sum() / crop.sum()
    angle = math.radians(degrees)
    expected = 30 + 20 * math.cos(angle), 30 + 20 * math.sin(angle)
    assert [at[0].item(), at[1].item()] == pytest.approx(list(expected), abs=0.3)


def test_beyond_the_border_is_the_mirror_image():
    image = noise(9)
    crop = turned(image, 0.0, 4.0, torch.zeros(1), 9, 4.0)[0]
    assert torch.allclose(crop[:, :, :4], image[:, :, 1:5].flip(2), atol=1e-5)
