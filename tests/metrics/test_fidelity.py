import math

import numpy as np
import pytest
import torch
from constructed_saes import ConstructedSAE, constant, perfect, scaled, signed_pairs
from scipy.optimize import minimize_scalar

from visae.metrics import Fidelity, fidelity, fidelity_and_firing, firing
from visae.sae import TopK


def random_sae(dim=6):
    return TopK(width=20, k=3).build(dim, torch.Generator().manual_seed(1))


def rows(count=200, dim=6, offset=0.0, seed=0):
    return offset + torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(1.0, dim + 1)


def in_numpy(sae, x):
    """Rows and reconstructions in float64, and which features fire."""
    with torch.no_grad():
        f = sae.encode(x)
        return x.double().numpy(), sae.decode(f).double().numpy(), f.numpy() != 0


def slow_fidelity(sae, x):
    """The formulas of the docstring, in NumPy and float64, row by row."""
    exact, x_hat, fired = in_numpy(sae, x)
    pairs = list(zip(exact, x_hat, strict=True))
    norm = np.linalg.norm
    return Fidelity(
        explained_variance=1 - np.square(exact - x_hat).sum() / np.square(exact - exact.mean(0)).sum(),
        normalised_mse=np.mean([norm(row - row_hat) ** 2 / norm(row) ** 2 for row, row_hat in pairs if norm(row)]),
        l0=fired.sum(1).mean(),
        dead_fraction=(~fired.any(0)).mean(),
        gamma=sum(row_hat @ row_hat for _, row_hat in pairs) / sum(row @ row_hat for row, row_hat in pairs),
        cosine=np.mean(
            [row @ row_hat / norm(row) / norm(row_hat) for row, row_hat in pairs if norm(row) * norm(row_hat)]
        ),
    )


def assert_close(actual, expected, tolerance=1e-9):
    assert vars(actual) == pytest.approx(vars(expected), rel=tolerance, abs=tolerance, nan_ok=True)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e4])
def test_explained_variance_is_0_for_the_mean_and_1_for_perfection(offset):
    x = rows(offset=offset)
    assert fidelity(constant(x.double().mean(0)), [x]).explained_variance == pytest.approx(0, abs=1e-6)
    assert fidelity(signed_pairs(6, offset), [x]).explained_variance == pytest.approx(1, abs=1e-6)


def test_worse_than_the_mean_is_negative():
    x = rows()
    # Off by one standard deviation in every dimension: twice the error of the mean.
    worse = constant(x.mean(0) + x.std(0, correction=0))
    assert fidelity(worse, [x]).explained_variance == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
@pytest.mark.parametrize("sizes", [[200], [1, 199], [100, 100], [40] * 5, [1] * 200])
def test_fidelity_does_not_depend_on_the_batches(sizes, offset):
    """Also for rows far from zero, whose squares would swamp their variance."""
    x, sae = rows(offset=offset), random_sae()
    sae.fit_scale(x.double().mean(0), x.double().var(0))
    assert_close(fidelity(sae, x.split(sizes)), slow_fidelity(sae, x), 1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4, -3.3])
@pytest.mark.parametrize("sizes", [[30], [10, 10, 10]])
def test_explained_variance_of_constant_rows_is_nan(value, sizes):
    metrics = fidelity(random_sae(), torch.full((30, 6), value).split(sizes))
    assert math.isnan(metrics.explained_variance)


def test_l0_and_dead_features_are_counted():
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0], [4.0, 5.0]])
    # Features +x, +y, -x, -y: the last one never fires, and the others fire six times in four rows.
    exact = {"explained_variance": 1.0, "normalised_mse": 0.0, "gamma": 1.0, "cosine": 1.0}
    assert fidelity(signed_pairs(2), [x[:3], x[3:]]) == Fidelity(l0=6 / 4, dead_fraction=1 / 4, **exact)
    assert fidelity(signed_pairs(2), [x[:2]]) == Fidelity(l0=1.0, dead_fraction=3 / 4, **exact)
    assert fidelity(constant([0.0, 0.0]), [x]).dead_fraction == 1.0


@pytest.mark.parametrize("sizes", [[4], [3, 1], [1] * 4])
def test_firing_counts_rows_per_feature_and_features_per_row(sizes):
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0], [4.0, 5.0]])
    counts = firing(signed_pairs(2), x.split(sizes))
    assert counts.density.tolist() == [3 / 4, 2 / 4, 1 / 4, 0]
    assert counts.l0_histogram.tolist() == [0, 2, 2]
    assert (counts.density.dtype, counts.l0_histogram.dtype) == (torch.float64, torch.int64)


def test_negative_values_count_as_firing():
    x = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [-2.0, 3.0]])
    metrics, counts = fidelity_and_firing(perfect(2), [x])
    assert (metrics.l0, metrics.dead_fraction) == (1.0, 0.0)
    assert counts.density.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert counts.l0_histogram.tolist() == [1, 1, 1]


def test_firing_equals_counts_in_numpy():
    x, sae = rows(), random_sae()
    counts = firing(sae, x.split(70))
    fired = in_numpy(sae, x)[2]
    assert counts.density.tolist() == pytest.approx(fired.mean(0).tolist())
    assert counts.l0_histogram.tolist() == np.bincount(fired.sum(1)).tolist()
    assert counts.l0_histogram.sum() == len(x)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.5])
def test_gamma_is_the_relative_length_of_reconstructions(factor):
    metrics = fidelity(scaled(6, factor), [rows()])
    assert metrics.gamma == pytest.approx(factor)
    assert metrics.cosine == pytest.approx(1)
    assert metrics.normalised_mse == pytest.approx((1 - factor) ** 2, rel=1e-6)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.0])
def test_gamma_is_the_best_rescaling(factor):
    noise = rows(seed=5)
    sae = ConstructedSAE(6, lambda x: x, lambda f: factor * f + noise + 1)
    exact, x_hat, _ = in_numpy(sae, rows())
    best = minimize_scalar(lambda s: np.square(x_hat / s - exact).sum(1).mean(), bounds=(0.05, 50), method="bounded")
    assert fidelity(sae, [rows()]).gamma == pytest.approx(best.x, rel=1e-4)


def test_rows_of_zeros_are_left_out_of_relative_error_and_cosine():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 5.0]])
    metrics = fidelity(constant([1.0, 0.0]), [x[:1], x[1:]])
    assert metrics.normalised_mse == pytest.approx((20 / 25 + 26 / 25) / 2)
    assert metrics.cosine == pytest.approx((3 / 5 + 0) / 2)
    assert metrics.gamma == pytest.approx(3 / 3)


def test_undefined_metrics_are_nan():
    of_zeros = fidelity(constant([0.0, 0.0]), [torch.tensor([[1.0, 2.0], [3.0, -1.0]])])
    assert math.isnan(of_zeros.gamma)
    assert math.isnan(of_zeros.cosine)
    assert of_zeros.normalised_mse == 1
    assert math.isnan(fidelity(constant([1.0, 0.0]), [torch.tensor([[0.0, 2.0]])]).gamma), "orthogonal"
    assert math.isnan(fidelity(constant([1.0, 0.0]), [torch.zeros(3, 2)]).normalised_mse)


def test_without_rows_metrics_are_nan():
    metrics, counts = fidelity_and_firing(signed_pairs(2), [])
    undefined = dict.fromkeys(("explained_variance", "normalised_mse", "gamma", "cosine"), math.nan)
    assert_close(metrics, Fidelity(l0=0.0, dead_fraction=1.0, **undefined))
    assert counts.density.tolist() == [0] * 4
    assert counts.l0_histogram.tolist() == []


def test_metrics_are_floats_and_leave_the_sae_unchanged():
    sae = random_sae()
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    metrics = fidelity(sae, [rows()])
    assert {type(value) for value in vars(metrics).values()} == {float}
    assert all(torch.equal(value, before[name]) for name, value in sae.state_dict().items())
