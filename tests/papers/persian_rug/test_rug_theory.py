import json
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import _theory as theory
from visae.papers.persian_rug import build_rug, linear_loss, predict, sample_inputs
from visae.papers.persian_rug._theory import finite_size, noise_kurtosis, projection_loss, sparse_limit

RATIOS, DENSITIES = [0.02, 0.1, 0.25, 0.5, 0.8, 0.98], [1e-4, 1e-3, 0.01, 0.045, 0.1, 0.3, 0.6, 1.0]

# Worked out beforehand by numerical integration over x and minimisation over A and m; three or four digits.
TABLE = {
    0.25: {0.001: 3.64e-6, 0.01: 3.04e-4, 0.045: 4.86e-3, 0.1: 1.645e-2, 0.3: 5.50e-2},
    0.5: {0.001: 1.18e-6, 0.01: 9.38e-5, 0.045: 1.57e-3, 0.1: 6.38e-3, 0.3: 3.03e-2},
    0.1: {0.001: 1.15e-5, 0.01: 9.96e-4, 0.045: 1.07e-2, 0.1: 2.63e-2},
}


@pytest.mark.parametrize("p", [1e-3, 0.045, 0.3, 1.0])
def test_input_moments(p):
    """Against sums over a fine grid of active values, and the zero of an inactive feature."""
    x = (np.arange(100_000) + 0.5) / 100_000

    def expected(values, at_zero):
        return p * values.mean() + (1 - p) * at_zero

    mean = expected(x, 0)
    variance = expected((x - mean) ** 2, mean**2)
    assert theory.input_moment(p, 1) == pytest.approx(mean, rel=1e-8)
    assert theory.input_moment(p, 2) == pytest.approx(expected(x**2, 0), rel=1e-8)
    assert theory.input_variance(p) == pytest.approx(variance, rel=1e-8)
    assert theory.input_kurtosis(p) == pytest.approx(expected((x - mean) ** 4, mean**4) / variance**2 - 3, rel=1e-8)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.01, math.nan])
def test_densities_out_of_range(p):
    for call in (theory.input_variance, theory.input_kurtosis):
        with pytest.raises(VisaeError, match=r"^p is "):
            call(p)
    with pytest.raises(VisaeError, match=r"^p is "):
        theory.input_moment(p, 1)
    with pytest.raises(VisaeError, match=r"^p is "):
        sample_inputs(1, 2, p, generator(0))


def test_best_readout_over_gains_and_shifts():
    source = torch.Generator().manual_seed(1)
    x = sample_inputs(400, 50, 0.2, source)
    z = x + 0.3 * torch.randn(x.shape, generator=source) - 0.2
    z, x = z.double().numpy(), x.double().numpy()

    def moments(shift):
        y = np.maximum(z + shift, 0)
        return (x * y).mean(), (y**2).mean()

    result = theory.best_readout(moments, (x**2).mean(), (-3.0, 3.0))

    def loss(readout):
        gain, shift = readout
        return ((np.maximum(gain * (z + shift), 0) - x) ** 2).mean()

    slow = minimize(loss, (1.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-14})
    assert result.loss == pytest.approx(loss((result.gain, result.shift)), rel=1e-9)
    assert result.loss == pytest.approx(slow.fun, rel=1e-7)


def test_readout_where_nothing_passes():
    result = theory.best_readout(lambda shift: (shift, 1.0) if shift > 0.5 else (0.0, 0.0), 2.0, (-1.0, 1.0))
    assert result.loss == pytest.approx(1.0, rel=1e-6)


def slow_loss(ratio, p, gain, shift, steps=6001, nodes=120, kurtosis=0.0):
    """The definition, summed over a fine grid of the noise and of x; the noise's density to first order in kurtosis."""
    deviation = np.sqrt((1 - ratio) / ratio * (p / 3 - p**2 / 4))
    edges = np.linspace(-9, 9, steps)
    weight, g = np.diff(norm.cdf(edges)), (edges[1:] + edges[:-1]) / 2
    weight = weight * (1 + kurtosis / 24 * (g**4 - 6 * g**2 + 3))
    nodes, x_weight = np.polynomial.legendre.leggauss(nodes)
    x, x_weight = (nodes + 1) / 2, x_weight / 2
    noise = deviation * g + shift
    inactive = weight @ np.maximum(gain * noise, 0) ** 2
    active = x_weight @ (((np.maximum(gain * (x[:, None] + noise), 0) - x[:, None]) ** 2) @ weight)
    return (1 - p) * inactive + p * active


@pytest.mark.slow
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("p", DENSITIES)
def test_formula_is_the_minimum_of_the_integral(ratio, p):
    result = predict(ratio, p)
    assert result.loss == pytest.approx(slow_loss(ratio, p, result.gain, result.shift), rel=1e-4)
    deviation = np.sqrt(theory.noise_variance(ratio, p))
    around = [(1.05, 0), (0.95, 0), (1, 0.1 * deviation), (1, -0.1 * deviation)]
    worse = [slow_loss(ratio, p, result.gain * factor, result.shift + step) for factor, step in around]
    assert min(worse) >= result.loss * (1 - 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("p", DENSITIES)
def test_no_other_shift_is_better(ratio, p):
    """The search must find the global minimum; here the gain is free too, over a range twice as wide."""
    result = predict(ratio, p)
    low, high = theory.shift_range(ratio, p)
    losses = [
        slow_loss(ratio, p, gain, shift, steps=201, nodes=12)
        for shift in np.linspace(2 * low, 2 * high, 23)
        for gain in (0.25 * result.gain, 0.6 * result.gain, result.gain, 1.6 * result.gain)
    ]
    assert min(losses) >= result.loss * (1 - 0.01)


@pytest.mark.parametrize(("ratio", "p"), [(ratio, p) for ratio, losses in TABLE.items() for p in losses])
def test_table_of_losses(ratio, p):
    assert predict(ratio, p).loss == pytest.approx(TABLE[ratio][p], rel=5e-3)


def test_values_worked_out_beforehand(data):
    rows = json.loads((data / "facts" / "persian_rug_pred.json").read_text())
    assert len(rows) == 28
    for row in rows:
        result = predict(row["r"], row["p"])
        assert result.loss == pytest.approx(row["loss"], rel=1e-8)
        assert (result.gain, result.shift) == pytest.approx((row["a"], row["m"]), abs=1e-5)
        assert theory.noise_variance(row["r"], row["p"]) == pytest.approx(row["sigma"] ** 2)
        assert projection_loss(row["r"], row["p"]) == pytest.approx(row["linear"])


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("p", DENSITIES)
def test_rug_is_never_worse_than_the_best_linear_model(ratio, p):
    assert predict(ratio, p).loss <= linear_loss(ratio, p) * (1 + 1e-12)
    assert linear_loss(ratio, p) < projection_loss(ratio, p)


@pytest.mark.parametrize("p", [0.01, 0.3, 1.0])
def test_linear_loss_is_the_sum_of_the_smallest_eigenvalues(p):
    n, d = 12, 3
    variance, mean = theory.input_variance(p), theory.input_moment(p, 1)
    covariance = variance * np.eye(n)
    second = covariance + mean**2 * np.ones((n, n))
    for matrix in (covariance, second):
        assert linear_loss(d / n, p) == pytest.approx(np.linalg.eigvalsh(matrix)[: n - d].sum() / n)
    bases = np.linalg.qr(np.random.default_rng(0).standard_normal((4000, n, d)))[0]
    losses = (np.trace(second) - np.einsum("kni,nm,kmi->k", bases, second, bases)) / n
    assert projection_loss(d / n, p) == pytest.approx(np.mean(losses), rel=0.01)


def test_loss_approaches_the_sparse_limit():
    shares = [predict(0.25, p).loss / sparse_limit(0.25, p) for p in (1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10)]
    assert shares[0] > 1.3
    assert shares[2:] == pytest.approx([1] * 4, abs=0.1)
    # The ratio enters through the variance of the noise only.
    assert sparse_limit(0.1, 1e-4) / sparse_limit(0.25, 1e-4) == pytest.approx(3)
    assert predict(0.1, 1e-6).loss / predict(0.25, 1e-6).loss == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("p", [0.01, 0.3])
def test_noise_kurtosis_is_that_of_rugs(p):
    """The fourth cumulants of the terms add up; exactly for each rug, here the mean of ten."""
    kurtoses = []
    for seed in range(10):
        row = build_rug(256, 0.25, seed).weights()[0, 1:].double()
        kurtoses.append((row.pow(4).sum() / row.square().sum() ** 2).item() * theory.input_kurtosis(p))
    assert noise_kurtosis(256, p) == pytest.approx(np.mean(kurtoses), rel=0.1)
    assert noise_kurtosis(512, 1e-5) == pytest.approx(5.4 / (512 * 1e-5), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.3, 0.6])
def test_finite_size_is_what_the_tails_add_to_the_integral(ratio, p):
    best, kurtosis = predict(ratio, p), noise_kurtosis(4096, p)
    gaussian, tailed = (slow_loss(ratio, p, best.gain, best.shift, kurtosis=k) for k in (0, kurtosis))
    assert finite_size(4096, ratio, p) == pytest.approx((tailed - gaussian) / best.loss, rel=1e-3, abs=1e-7)
    assert finite_size(8192, ratio, p) == pytest.approx(finite_size(4096, ratio, p) / 2)


@pytest.mark.parametrize("function", [predict, linear_loss, projection_loss, sparse_limit, theory.noise_variance])
def test_ratios_out_of_range(function):
    with pytest.raises(VisaeError, match="p is 0;"):
        function(0.5, 0.0)
    with pytest.raises(VisaeError, match="ratio is 1;"):
        function(1.0, 0.5)
