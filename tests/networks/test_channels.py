import colorsys
import math

import numpy as np
import pytest
import torch

from visae.networks.planted import _channels as channels
from visae.networks.planted._channels import GRID, NAMES, REACH, Channels


@pytest.fixture(scope="module")
def module():
    return Channels()


def kernels(degrees):
    """The even and the odd filter at an orientation, from the formulas."""
    even, odd, window = np.empty((3, 2 * REACH + 1, 2 * REACH + 1))
    nx, ny = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for y in range(-REACH, REACH + 1):
        for x in range(-REACH, REACH + 1):
            across, along = (x * nx + y * ny) / channels._ACROSS, (y * nx - x * ny) / channels._ALONG
            envelope = math.exp(-(across**2 + along**2) / 2)
            even[y + REACH, x + REACH] = (1 - across**2) * envelope
            odd[y + REACH, x + REACH] = across * envelope
            window[y + REACH, x + REACH] = envelope
    balanced = [kernel - window * kernel.sum() / window.sum() for kernel in (even, odd)]
    return [kernel / np.abs(kernel).sum() for kernel in balanced]


def oriented(image, row, column):
    """The contour, line and edge channels at one place, slowly: {name: value}."""
    grey = np.pad(image.mean(0), REACH, mode="edge")
    window = grey[GRID * row :, GRID * column :][: 2 * REACH + 1, : 2 * REACH + 1]

    def filtered(degrees):
        return [(kernel * window).sum() for kernel in kernels(degrees)]

    energies = {degrees: math.hypot(*filtered(degrees)) for degrees in channels._CONTOURS}
    ceiling = max(energies.values()) + channels._CONTRAST
    found = {f"contour {degrees:g}": (energy / ceiling) ** 2 for degrees, energy in energies.items()}
    for degrees in channels._LINES:
        even, odd = filtered(degrees)
        found[f"line {degrees:g}"] = max(abs(even) - abs(odd) / 2, 0) / ceiling
    for degrees in channels._EDGES:
        even, odd = filtered(degrees)
        found[f"edge {degrees:g}"] = (max(odd - abs(even) / 2, 0) / ceiling) ** 2
        found[f"edge {degrees + 180:g}"] = (max(-odd - abs(even) / 2, 0) / ceiling) ** 2
    return found


@pytest.mark.parametrize("size", [(24, 30), (25, 31), (5, 8)])
def test_oriented_channels_equal_the_formulas(module, size):
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    found = module(images)[0]
    rows, columns = (-(-side // GRID) for side in size)
    assert found.shape == (len(NAMES), rows, columns)
    for row, column in [(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2), (1, columns - 1)]:
        expected = oriented(images[0].double().numpy(), row, column)
        ours = {name: found[NAMES.index(name), row, column].item() for name in expected}
        assert ours == pytest.approx(expected, abs=1e-5)
        assert max(expected.values()) > 0.1


def test_oriented_channels_are_every_channel_but_the_hues():
    names = set(oriented(np.zeros((3, 9, 9)), 0, 0))
    assert names == {name for name in NAMES if not name.startswith("hue")}
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("hue", range(0, 360, 15))
@pytest.mark.parametrize(("saturation", "value"), [(1.0, 1.0), (0.5, 0.8)])
def test_a_hue_is_in_one_sector(module, hue, saturation, value):
    rgb = torch.tensor(colorsys.hsv_to_rgb(hue / 360, saturation, value)).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    found = {name: module(rgb)[0, NAMES.index(name)] for name in NAMES if name.startswith("hue")}
    for name, values in found.items():
        apart = abs((float(name.removeprefix("hue ")) - hue + 180) % 360 - 180)
        if apart == 0:
            torch.testing.assert_close(values, torch.full((4, 4), saturation * value))
        elif apart < 30:
            assert values.min() > 0
        else:
            assert values.max() < 1e-5


@pytest.mark.parametrize("grey", [0.0, 0.123, 1.0])
def test_uniform_grey_is_silence(module, grey):
    found = module(torch.full((1, 3, 20, 22), grey))
    assert found.abs().max() < 1e-5


def test_no_channel_is_negative_or_above_one(module):
    found = module(torch.rand(2, 3, 40, 41))
    assert found.min() >= 0
    assert found.max() <= 1


def test_grey_images_have_no_hue(module):
    found = module(torch.rand(2, 1, 30, 30).expand(2, 3, 30, 30))
    assert found[:, [NAMES.index(name) for name in NAMES if name.startswith("hue")]].max() == 0
