import numpy as np
import pytest
import torch
from scipy import stats

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import chance_distance, noise_distance, sparse, symmetry, weave
from visae.papers.persian_rug._symmetry import off_diagonal, others


def test_by_hand():
    W = torch.tensor([[1.0, 2, -2], [0, 3, 1], [0.1, 0, 0.2]])
    found = symmetry(W, torch.tensor([-1.0, -2, -3]))
    diagonal, energy, entries = np.array([1, 3, 0.2]), np.array([8, 1, 0.01]), [2, -2, 0, 1, 0.1, 0]
    assert found.diagonal == pytest.approx(diagonal.var() / diagonal.mean() ** 2)
    assert found.bias == pytest.approx((2 / 3) / 4)
    assert found.row_energy == pytest.approx(energy.var() / energy.mean() ** 2)
    assert found.energy == pytest.approx(energy.mean() / diagonal.mean() ** 2)
    assert found.skewness == pytest.approx(stats.skew(entries))
    assert found.unlearned == pytest.approx(1 / 3)


def test_a_rug_is_symmetric():
    found = symmetry(weave(128, 0.25, 0).weights(), torch.full((128,), -0.3))
    assert max(found.diagonal, found.bias, found.row_energy, found.unlearned) < 1e-12
    assert found.energy == pytest.approx(3)


def test_what_is_off_the_diagonal():
    W = torch.arange(16.0).reshape(4, 4)
    assert others(W).tolist() == [[1, 2, 3], [4, 6, 7], [8, 9, 11], [12, 13, 14]]
    assert off_diagonal(W).diagonal().tolist() == [0] * 4
    assert off_diagonal(W).sum() == others(W).sum()


def test_distances_are_scipys():
    W = torch.randn(70, 70, generator=torch.Generator().manual_seed(0))
    p = 0.1
    x = sparse(500, 70, p, generator(0, "test"))
    rows, inputs = off_diagonal(W).double().numpy(), x.double().numpy()
    expected = []
    for row in rows:
        scale = np.sqrt((p / 3 - p**2 / 4) * (row**2).sum())
        expected.append(stats.kstest(inputs @ row, "norm", args=(p / 2 * row.sum(), scale)).statistic)
    np.testing.assert_allclose(noise_distance(W, p, x).numpy(), expected, atol=1e-4)


def test_the_distance_of_a_gaussian_is_chance():
    random = np.random.default_rng(0)
    found = [stats.kstest(random.standard_normal(400), "norm").statistic for _ in range(600)]
    assert chance_distance(400) == pytest.approx(np.mean(found), rel=0.05)


def test_the_noise_of_rugs_becomes_gaussian():
    distances = []
    for n in (32, 128, 512):
        x = sparse(2000, n, 0.045, generator(0, "test", n))
        distances.append(noise_distance(weave(n, 0.25, 0).weights(), 0.045, x).mean().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 4 * chance_distance(2000)
    assert distances[-1] < 1.3 * chance_distance(2000)


def test_densities_outside_are_refused():
    with pytest.raises(VisaeError, match="p is 2;"):
        noise_distance(torch.eye(4), 2.0, torch.zeros(3, 4))
