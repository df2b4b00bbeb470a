"""An image's data, unpacked, against the maps it was made from."""

import base64
import zlib

import numpy as np
import pytest
import torch

from visae.atlas._image_page import FEATURES, LEVELS, NEURONS, _relative_names, image_page
from visae.atlas._statistics_pass import ImageActivations


def unpacked(page):
    """Planes by name, read as the page's JavaScript reads them."""
    data = np.frombuffer(zlib.decompress(base64.b64decode(page["data"])), np.uint8)
    p, start, planes = page["height"] * page["width"], 0, {}
    for kind, count in (("features", page["features"]), ("neurons", page["neurons"])):
        high, low, value = data[start : start + 3 * count * p].reshape(3, count, p).astype(int)
        planes[kind] = 256 * high + low, value
        start += 3 * count * p
    planes["reconstruction"] = data[start : start + page["neurons"] * p].reshape(-1, p)
    planes["unexplained"] = data[start + page["neurons"] * p :]
    return planes


@pytest.mark.parametrize("counts", [(30, 700), (5, 3)])
def test_strongest_units_at_every_position(counts):
    draws = torch.Generator().manual_seed(0)
    maps = [torch.rand(count, 4, 6, generator=draws).sub(0.5).relu() for count in counts]
    reconstruction = maps[0] * 0.9 + 0.01
    page = image_page(ImageActivations(3, torch.zeros(3, 48, 48, dtype=torch.uint8), maps, reconstruction))
    planes = unpacked(page)
    for kind, population, largest in zip(("neurons", "features"), maps, page["largest"][::-1], strict=True):
        values = population.flatten(1).double().numpy()
        units, steps = planes[kind]
        k = min({"features": FEATURES, "neurons": NEURONS}[kind], len(values))
        assert units.shape == (k, 24)
        strongest = np.sort(values, axis=0)[::-1][:k]
        assert np.take_along_axis(values, units, 0) == pytest.approx(strongest)
        assert largest == pytest.approx(values.max(), rel=1e-3)
        assert steps / LEVELS * values.max() == pytest.approx(strongest, abs=values.max() / LEVELS)
        assert ((steps > 0) == (strongest > 0)).all()
    x, x_hat = maps[0].flatten(1).double().numpy(), reconstruction.flatten(1).double().numpy()
    expected = np.clip(np.take_along_axis(x_hat, planes["neurons"][0], 0), 0, x.max())
    assert planes["reconstruction"] / LEVELS * x.max() == pytest.approx(expected, abs=x.max() / LEVELS)
    unexplained = np.clip(((x - x_hat) ** 2).sum(0) / np.maximum((x**2).sum(0), 1e-12), 0, 1)
    assert planes["unexplained"] / LEVELS == pytest.approx(unexplained, abs=1 / LEVELS)


def test_image_in_which_nothing_fires():
    silent = [torch.zeros(4, 2, 2), torch.zeros(9, 2, 2)]
    page = image_page(ImageActivations(0, torch.zeros(3, 8, 8, dtype=torch.uint8), silent, silent[0]))
    planes = unpacked(page)
    assert all((steps == 0).all() for _, steps in (planes["neurons"], planes["features"]))
    assert (planes["unexplained"] == 0).all()


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["/home/me/a/1.png", "/home/me/2.png"], ["a/1.png", "2.png"]),
        (["/home/me/a/1.png"], ["1.png"]),
        (["me/a/1.png", "/home/me/2.png"], ["me/a/1.png", "2.png"]),
        (["/home/1.png", "/data/2.png"], ["1.png", "2.png"]),
        (["a/../1.png"], ["1.png"]),
    ],
)
def test_names_hide_the_folders_of_this_machine(keys, names):
    assert _relative_names(keys) == names
