"""Sums over images, against NumPy written out in float64."""

import numpy as np
import pytest
import torch

import visae
from visae.atlas._statistics import BINS, Statistics
from visae.metrics import attribution
from visae.units import features, neurons


@pytest.fixture(scope="module")
def units():
    network = visae.network("planted", device="cpu")
    sae = visae.TopK(width=9, k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    return [neurons(network, "mixed"), features(network, "mixed", sae)]


def test_how_often_and_how_strongly(units):
    maps = torch.rand(3, 48, 5, 5, generator=torch.Generator().manual_seed(1)).sub(0.3).relu()
    found = Statistics(units[0], maps.max().item())
    found.add(maps[:2])
    found.add(maps[2:])
    values = maps.double().numpy()
    assert found.positions == 75
    assert found.density.numpy() == pytest.approx((values > 0).mean((0, 2, 3)))
    assert found.histogram.sum(1).tolist() == found.fires.tolist()
    edges = np.array([found.edge(place) for place in range(BINS + 1)])
    assert edges[-2] <= values.max() < edges[-1]
    inside = values[:, 7][values[:, 7] >= edges[1]]
    assert found.histogram[7, 1:].tolist() == np.histogram(inside, edges[1:])[0].tolist()
    assert np.allclose(edges[4:] / edges[:-4], 2)


def test_what_lies_beyond_the_bins_is_counted_in_the_nearest(units):
    found = Statistics(units[0], 1.0)
    maps = torch.zeros(1, 48, 1, 3)
    maps[0, 0, 0] = torch.tensor([1e-20, 1.0, 1e6])
    found.add(maps)
    assert found.histogram[0].nonzero().flatten().tolist() == [0, BINS - 1]
    assert found.histogram[0, -1] == 2


def test_shares_of_the_layers_variance(units):
    x = torch.rand(400, 48, generator=torch.Generator().manual_seed(2))
    rows = x.double().numpy()
    for of in units:
        f = of.read(x.T.reshape(1, 48, 20, 20))[0].flatten(1).T
        found = Statistics(of, 1.0)
        found.sample(x[:100], f[:100])
        found.sample(x[100:], f[100:])
        if of.sae is None:
            expected = rows.var(0) / rows.var(0).sum()
        else:
            of_neurons = attribution(of.sae, [x]).share.numpy()
            expected = (of_neurons * rows.var(0)).sum(1) / rows.var(0).sum()
        assert found.share.numpy() == pytest.approx(expected, abs=1e-6)
