import math

import pytest
import torch

from visae.images import rotated_crops, to_float


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 3, 5, 7), (0, 3, 5, 7)])
def test_floats_are_pixels_over_255(shape):
    pixels = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images = to_float(pixels)
    assert images.dtype == torch.float32
    assert torch.equal(images, pixels.float() / 255)
    if len(shape) == 4:
        assert images.is_contiguous(memory_format=torch.channels_last)


def noise(side):
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def test_without_rotation_it_is_a_crop():
    image = noise(21)
    crop = rotated_crops(image, 9.0, 12.0, torch.zeros(1), 7, 3.0)[0]
    assert torch.allclose(crop, image[:, 9:16, 6:13], atol=1e-5)


def test_quarter_turns_are_exact():
    image = noise(15)
    crops = rotated_crops(image, 7.0, 7.0, torch.tensor([0.0, 90.0, 180.0, 270.0]), 15, 7.0)
    for quarters, crop in enumerate(crops):
        # torch.rot90 is counter-clockwise when y points down.
        assert torch.allclose(crop, torch.rot90(image, -quarters, (1, 2)), atol=1e-5)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 135.0, 290.0])
def test_a_dot_moves_clockwise(degrees):
    image = torch.zeros(3, 101, 101)
    image[:, 50, 70] = 1.0
    crop = rotated_crops(image, 50.0, 50.0, torch.tensor([degrees]), 61, 30.0)[0, 0]
    v, u = torch.meshgrid(torch.arange(61.0), torch.arange(61.0), indexing="ij")
    dot = (crop * u).sum() / crop.sum(), (crop * v).sum() / crop.sum()
    angle = math.radians(degrees)
    expected = 30 + 20 * math.cos(angle), 30 + 20 * math.sin(angle)
    assert [axis.item() for axis in dot] == pytest.approx(list(expected), abs=0.3)


def test_the_image_is_reflected_at_its_border():
    image = noise(9)
    crop = rotated_crops(image, 0.0, 4.0, torch.zeros(1), 9, 4.0)[0]
    assert torch.allclose(crop[:, :, :4], image[:, :, 1:5].flip(2), atol=1e-5)
