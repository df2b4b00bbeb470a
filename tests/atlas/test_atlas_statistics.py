"""Running statistics against NumPy in float64."""

import numpy as np
import pytest
import torch

import visae
from visae.atlas._statistics_pass import BINS, UnitStatistics
from visae.metrics import attribution
from visae.units import features, neurons


@pytest.fixture(scope="module")
def units():
    network = visae.network("planted", device="cpu")
    sae = visae.TopK(width=9, k=2).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    return [neurons(network, "mixed"), features(network, "mixed", sae)]


def test_density_and_histogram(units):
    maps = torch.rand(3, 48, 5, 5, generator=torch.Generator().manual_seed(1)).sub(0.3).relu()
    statistics = UnitStatistics(units[0], maps.max().item())
    statistics.add(maps[:2])
    statistics.add(maps[2:])
    values = maps.double().numpy()
    assert statistics.positions == 75
    assert statistics.density.numpy() == pytest.approx((values > 0).mean((0, 2, 3)))
    assert statistics.histogram.sum(1).tolist() == statistics.fires.tolist()
    edges = np.array([statistics.bin_edge(index) for index in range(BINS + 1)])
    assert edges[-2] <= values.max() < edges[-1]
    inside = values[:, 7][values[:, 7] >= edges[1]]
    assert statistics.histogram[7, 1:].tolist() == np.histogram(inside, edges[1:])[0].tolist()
    assert np.allclose(edges[4:] / edges[:-4], 2)


def test_values_beyond_the_bins_count_in_the_nearest(units):
    statistics = UnitStatistics(units[0], 1.0)
    maps = torch.zeros(1, 48, 1, 3)
    maps[0, 0, 0] = torch.tensor([1e-20, 1.0, 1e6])
    statistics.add(maps)
    assert statistics.histogram[0].nonzero().flatten().tolist() == [0, BINS - 1]
    assert statistics.histogram[0, -1] == 2


def test_variance_shares(units):
    x = torch.rand(400, 48, generator=torch.Generator().manual_seed(2))
    rows = x.double().numpy()
    for population in units:
        f = population.read(x.T.reshape(1, 48, 20, 20))[0].flatten(1).T
        statistics = UnitStatistics(population, 1.0)
        statistics.add_rows(x[:100], f[:100])
        statistics.add_rows(x[100:], f[100:])
        if population.sae is None:
            expected = rows.var(0) / rows.var(0).sum()
        else:
            by_neuron = attribution(population.sae, [x]).share.numpy()
            expected = (by_neuron * rows.var(0)).sum(1) / rows.var(0).sum()
        assert statistics.variance_share.numpy() == pytest.approx(expected, abs=1e-6)
