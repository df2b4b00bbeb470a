import colorsys
import math

import numpy as np
import pytest
import torch

from visae.networks.planted import _channels as channels
from visae.networks.planted._channels import CHANNEL_NAMES, CHANNEL_STRIDE, FILTER_RADIUS, FilterBank


@pytest.fixture(scope="module")
def bank():
    return FilterBank()


def kernels(degrees):
    """The even and the odd filter at an orientation, from their formulas."""
    even, odd, window = np.empty((3, 2 * FILTER_RADIUS + 1, 2 * FILTER_RADIUS + 1))
    nx, ny = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for y in range(-FILTER_RADIUS, FILTER_RADIUS + 1):
        for x in range(-FILTER_RADIUS, FILTER_RADIUS + 1):
            across, along = (x * nx + y * ny) / channels._ACROSS, (y * nx - x * ny) / channels._ALONG
            envelope = math.exp(-(across**2 + along**2) / 2)
            even[y + FILTER_RADIUS, x + FILTER_RADIUS] = (1 - across**2) * envelope
            odd[y + FILTER_RADIUS, x + FILTER_RADIUS] = across * envelope
            window[y + FILTER_RADIUS, x + FILTER_RADIUS] = envelope
    balanced = [kernel - window * kernel.sum() / window.sum() for kernel in (even, odd)]
    return [kernel / np.abs(kernel).sum() for kernel in balanced]


def oriented(image, row, column):
    """The contour, line and edge channels at one position, slowly: {name: value}."""
    grey = np.pad(image.mean(0), FILTER_RADIUS, mode="edge")
    window = grey[CHANNEL_STRIDE * row :, CHANNEL_STRIDE * column :][: 2 * FILTER_RADIUS + 1, : 2 * FILTER_RADIUS + 1]

    def filtered(degrees):
        return [(kernel * window).sum() for kernel in kernels(degrees)]

    energies = {degrees: math.hypot(*filtered(degrees)) for degrees in channels._CONTOURS}
    ceiling = max(energies.values()) + channels._CONTRAST
    channel = {f"contour {degrees:g}": (energy / ceiling) ** 2 for degrees, energy in energies.items()}
    for degrees in channels._LINES:
        even, odd = filtered(degrees)
        channel[f"line {degrees:g}"] = max(abs(even) - abs(odd) / 2, 0) / ceiling
    for degrees in channels._EDGES:
        even, odd = filtered(degrees)
        channel[f"edge {degrees:g}"] = (max(odd - abs(even) / 2, 0) / ceiling) ** 2
        channel[f"edge {degrees + 180:g}"] = (max(-odd - abs(even) / 2, 0) / ceiling) ** 2
    return channel


@pytest.mark.parametrize("size", [(24, 30), (25, 31), (5, 8)])
def test_oriented_channels_equal_the_formulas(bank, size):
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    result = bank(images)[0]
    rows, columns = (-(-side // CHANNEL_STRIDE) for side in size)
    assert result.shape == (len(CHANNEL_NAMES), rows, columns)
    for row, column in [(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2), (1, columns - 1)]:
        expected = oriented(images[0].double().numpy(), row, column)
        ours = {name: result[CHANNEL_NAMES.index(name), row, column].item() for name in expected}
        assert ours == pytest.approx(expected, abs=1e-5)
        assert max(expected.values()) > 0.1


def test_all_channels_are_oriented_or_hues():
    names = set(oriented(np.zeros((3, 9, 9)), 0, 0))
    assert names == {name for name in CHANNEL_NAMES if not name.startswith("hue")}
    assert len(CHANNEL_NAMES) == len(set(CHANNEL_NAMES))


@pytest.mark.parametrize("hue", range(0, 360, 15))
@pytest.mark.parametrize(("saturation", "value"), [(1.0, 1.0), (0.5, 0.8)])
def test_hues_respond_within_their_sector(bank, hue, saturation, value):
    rgb = torch.tensor(colorsys.hsv_to_rgb(hue / 360, saturation, value)).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    result = bank(rgb)[0]
    for name in (name for name in CHANNEL_NAMES if name.startswith("hue")):
        values = result[CHANNEL_NAMES.index(name)]
        apart = abs((float(name.removeprefix("hue ")) - hue + 180) % 360 - 180)
        if apart == 0:
            torch.testing.assert_close(values, torch.full((4, 4), saturation * value))
        elif apart < 30:
            assert values.min() > 0
        else:
            assert values.max() < 1e-5


@pytest.mark.parametrize("grey", [0.0, 0.123, 1.0])
def test_uniform_grey_evokes_no_response(bank, grey):
    assert bank(torch.full((1, 3, 20, 22), grey)).abs().max() < 1e-5


def test_no_channel_is_negative_or_above_one(bank):
    result = bank(torch.rand(2, 3, 40, 41))
    assert result.min() >= 0
    assert result.max() <= 1


def test_grey_images_have_no_hue(bank):
    result = bank(torch.rand(2, 1, 30, 30).expand(2, 3, 30, 30))
    assert result[:, [index for index, name in enumerate(CHANNEL_NAMES) if name.startswith("hue")]].max() == 0
