"""An image's data, unpacked again, against the maps they are of."""

import base64
import zlib

import numpy as np
import pytest
import torch

from visae.atlas._image_pages import FEATURES, LEVELS, NEURONS, image_page
from visae.atlas._statistics_pass import Look


def unpacked(page):
    """Planes by name, as the page reads them."""
    data = np.frombuffer(zlib.decompress(base64.b64decode(page["data"])), np.uint8)
    p, at, planes = page["height"] * page["width"], 0, {}
    for kind, count in (("features", page["features"]), ("neurons", page["neurons"])):
        high, low, value = data[at : at + 3 * count * p].reshape(3, count, p).astype(int)
        planes[kind] = 256 * high + low, value
        at += 3 * count * p
    planes["rebuilt"] = data[at : at + page["neurons"] * p].reshape(-1, p)
    planes["missed"] = data[at + page["neurons"] * p :]
    return planes


@pytest.mark.parametrize("counts", [(30, 700), (5, 3)])
def test_the_strongest_at_every_position(counts):
    draws = torch.Generator().manual_seed(0)
    maps = [torch.rand(count, 4, 6, generator=draws).sub(0.5).relu() for count in counts]
    rebuilt = maps[0] * 0.9 + 0.01
    page = image_page(Look(3, torch.zeros(3, 48, 48, dtype=torch.uint8), maps, rebuilt))
    planes = unpacked(page)
    for kind, of, largest in zip(("neurons", "features"), maps, page["largest"][::-1], strict=True):
        values = of.flatten(1).double().numpy()
        which, value = planes[kind]
        k = min({"features": FEATURES, "neurons": NEURONS}[kind], len(values))
        assert which.shape == (k, 24)
        order = np.sort(values, axis=0)[::-1][:k]
        assert np.take_along_axis(values, which, 0) == pytest.approx(order)
        assert largest == pytest.approx(values.max(), rel=1e-3)
        assert value / LEVELS * values.max() == pytest.approx(order, abs=values.max() / LEVELS)
        assert ((value > 0) == (order > 0)).all()
    x, again = maps[0].flatten(1).double().numpy(), rebuilt.flatten(1).double().numpy()
    own = np.take_along_axis(again, planes["neurons"][0], 0)
    assert planes["rebuilt"] / LEVELS * x.max() == pytest.approx(np.clip(own, 0, x.max()), abs=x.max() / LEVELS)
    missed = np.clip(((x - again) ** 2).sum(0) / np.maximum((x**2).sum(0), 1e-12), 0, 1)
    assert planes["missed"] / LEVELS == pytest.approx(missed, abs=1 / LEVELS)


def test_an_image_in_which_nothing_fires():
    nothing = [torch.zeros(4, 2, 2), torch.zeros(9, 2, 2)]
    planes = unpacked(image_page(Look(0, torch.zeros(3, 8, 8, dtype=torch.uint8), nothing, nothing[0])))
    assert all((plane[1] == 0).all() for plane in (planes["neurons"], planes["features"]))
    assert (planes["missed"] == 0).all()
