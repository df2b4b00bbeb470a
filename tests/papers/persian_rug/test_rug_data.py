import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import _data as data
from visae.papers.persian_rug import sparse
from visae.papers.persian_rug._checks import bottleneck

DENSITIES = [1e-3, 0.045, 0.3, 1.0]


@pytest.mark.parametrize("p", DENSITIES)
def test_moments_are_those_of_the_distribution(p):
    """Against sums over a fine grid of what an active feature can be, and the zero of one that is not."""
    x = (np.arange(100_000) + 0.5) / 100_000

    def expected(values, of_zero):
        return p * values.mean() + (1 - p) * of_zero

    mean = expected(x, 0)
    variance = expected((x - mean) ** 2, mean**2)
    assert data.mean(p) == pytest.approx(mean, rel=1e-8)
    assert data.power(p) == pytest.approx(expected(x**2, 0), rel=1e-8)
    assert data.variance(p) == pytest.approx(variance, rel=1e-8)
    assert data.kurtosis(p) == pytest.approx(expected((x - mean) ** 4, mean**4) / variance**2 - 3, rel=1e-8)


@pytest.mark.parametrize("p", DENSITIES)
def test_samples_have_these_moments(p):
    x = sparse(2000, 200, p, generator(0, "test")).double()
    assert x.shape == (2000, 200)
    assert x.min() >= 0
    assert x.max() <= 1
    count = x.numel()
    assert (x > 0).double().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / count) + 1e-6)
    assert x.mean().item() == pytest.approx(data.mean(p), abs=5 * math.sqrt(data.variance(p) / count))
    assert x.square().mean().item() == pytest.approx(data.power(p), abs=5 * math.sqrt(p / 5 / count))
    active = x[x > 0].sort().values
    steps = torch.arange(len(active)) / len(active)
    assert (active - steps).abs().max() < 2.5 / math.sqrt(len(active))


def test_one_draw_serves_all_densities():
    uniform = torch.tensor([0.0, 0.1, 0.2, 0.9])
    assert data.sparsify(uniform, torch.tensor(0.2)).tolist() == pytest.approx([0, 0.5, 0, 0])
    both = data.sparsify(uniform, torch.tensor([[0.4], [1.0]]))
    torch.testing.assert_close(both, torch.tensor([[0.0, 0.25, 0.5, 0], [0.0, 0.1, 0.2, 0.9]]))


@pytest.mark.parametrize("p", [0.0, -0.1, 1.01, math.nan])
def test_densities_outside_are_refused(p):
    for call in (data.mean, data.power, data.variance, data.kurtosis, lambda p: sparse(1, 2, p, generator(0))):
        with pytest.raises(VisaeError, match=r"^p is .*above 0 and up to 1$"):
            call(p)


@pytest.mark.parametrize(("n", "ratio", "d"), [(512, 0.25, 128), (64, 0.1, 6), (8, 0.01, 1), (8, 0.99, 7), (2, 0.5, 1)])
def test_the_bottleneck_is_the_nearest_width(n, ratio, d):
    assert bottleneck(n, ratio) == d


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 2, math.nan])
def test_ratios_outside_are_refused(ratio):
    with pytest.raises(VisaeError, match=r"^ratio is .*above 0 and below 1$"):
        bottleneck(16, ratio)


def test_one_feature_has_no_bottleneck():
    with pytest.raises(VisaeError, match=r"1 features .* take 2 or more"):
        bottleneck(1, 0.5)
