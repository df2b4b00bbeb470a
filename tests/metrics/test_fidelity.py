import math

import numpy as np
import pytest
import torch
from made import Made, constant, of_two_signs, perfect, scaled
from scipy.optimize import minimize_scalar

from visae.metrics import Fidelity, fidelity, fidelity_and_firing, firing
from visae.sae import TopK


def some(dim=6):
    return TopK(width=20, k=3).build(dim, torch.Generator().manual_seed(1))


def rows(count=500, dim=6, offset=0.0, seed=0):
    return offset + torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(1.0, dim + 1)


def in_numpy(sae, x):
    """Rows, reconstructions and what fires, in float64."""
    with torch.no_grad():
        f = sae.encode(x)
        return x.double().numpy(), sae.decode(f).double().numpy(), f.numpy() != 0


def slowly(sae, x):
    """The formulas of the docstring, in NumPy and float64, row by row."""
    exact, x_hat, fired = in_numpy(sae, x)
    pairs = list(zip(exact, x_hat, strict=True))
    norm = np.linalg.norm
    return Fidelity(
        explained_variance=1 - np.square(exact - x_hat).sum() / np.square(exact - exact.mean(0)).sum(),
        normalised_mse=np.mean([norm(row - guess) ** 2 / norm(row) ** 2 for row, guess in pairs if norm(row)]),
        l0=fired.sum(1).mean(),
        dead_fraction=(~fired.any(0)).mean(),
        gamma=sum(guess @ guess for _, guess in pairs) / sum(row @ guess for row, guess in pairs),
        cosine=np.mean([row @ guess / norm(row) / norm(guess) for row, guess in pairs if norm(row) and norm(guess)]),
    )


def close(one, other, tolerance=1e-9):
    assert vars(one) == pytest.approx(vars(other), rel=tolerance, abs=tolerance, nan_ok=True)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e4])
def test_the_mean_explains_nothing_and_perfection_all(offset):
    x = rows(offset=offset)
    assert fidelity(constant(x.double().mean(0)), [x]).explained_variance == pytest.approx(0, abs=1e-6)
    assert fidelity(of_two_signs(6, offset), [x]).explained_variance == pytest.approx(1, abs=1e-6)


def test_worse_than_the_mean_is_negative():
    x = rows()
    # Off by one standard deviation in every dimension: as much error again as the mean leaves.
    worse = constant(x.mean(0) + x.std(0, correction=0))
    assert fidelity(worse, [x]).explained_variance == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
@pytest.mark.parametrize("sizes", [[500], [1, 499], [250, 250], [100] * 5, [1] * 500])
def test_batches_add_up_to_the_whole(sizes, offset):
    """Also for rows far from zero, whose squares would drown their variance."""
    x, sae = rows(offset=offset), some()
    sae.fit_scale(x.double().mean(0), x.double().var(0))
    close(fidelity(sae, x.split(sizes)), slowly(sae, x), 1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4, -3.3])
@pytest.mark.parametrize("sizes", [[30], [10, 10, 10]])
def test_rows_that_do_not_vary_have_no_explained_variance(value, sizes):
    found = fidelity(some(), torch.full((30, 6), value).split(sizes))
    assert math.isnan(found.explained_variance)


def test_features_that_fire_are_counted():
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0], [4.0, 5.0]])
    # Features: +x, +y, -x, -y; the last one never fires, and six fire in four rows.
    exact = {"explained_variance": 1.0, "normalised_mse": 0.0, "gamma": 1.0, "cosine": 1.0}
    assert fidelity(of_two_signs(2), [x[:3], x[3:]]) == Fidelity(l0=6 / 4, dead_fraction=1 / 4, **exact)
    assert fidelity(of_two_signs(2), [x[:2]]) == Fidelity(l0=1.0, dead_fraction=3 / 4, **exact)
    assert fidelity(constant([0.0, 0.0]), [x]).dead_fraction == 1.0


@pytest.mark.parametrize("sizes", [[4], [3, 1], [1] * 4])
def test_firing_tells_how_often_and_how_many(sizes):
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0], [4.0, 5.0]])
    found = firing(of_two_signs(2), x.split(sizes))
    assert found.density.tolist() == [3 / 4, 2 / 4, 1 / 4, 0]
    assert found.l0_histogram.tolist() == [0, 2, 2]
    assert (found.density.dtype, found.l0_histogram.dtype) == (torch.float64, torch.int64)


def test_a_negative_feature_fires():
    x = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [-2.0, 3.0]])
    both, counts = fidelity_and_firing(perfect(2), [x])
    assert (both.l0, both.dead_fraction) == (1.0, 0.0)
    assert counts.density.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert counts.l0_histogram.tolist() == [1, 1, 1]


def test_firing_is_what_counting_says():
    x, sae = rows(), some()
    found = firing(sae, x.split(70))
    fired = in_numpy(sae, x)[2]
    assert found.density.tolist() == pytest.approx(fired.mean(0).tolist())
    assert found.l0_histogram.tolist() == np.bincount(fired.sum(1)).tolist()
    assert found.l0_histogram.sum() == len(x)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.5])
def test_gamma_is_the_length_of_reconstructions(factor):
    found = fidelity(scaled(6, factor), [rows()])
    assert found.gamma == pytest.approx(factor)
    assert found.cosine == pytest.approx(1)
    assert found.normalised_mse == pytest.approx((1 - factor) ** 2, rel=1e-6)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.0])
def test_gamma_is_what_rescales_best(factor):
    noise = rows(seed=5)
    sae = Made(6, lambda x: x, lambda f: factor * f + noise + 1)
    exact, x_hat, _ = in_numpy(sae, rows())
    best = minimize_scalar(lambda s: np.square(x_hat / s - exact).sum(1).mean(), bounds=(0.05, 50), method="bounded")
    assert fidelity(sae, [rows()]).gamma == pytest.approx(best.x, rel=1e-4)


def test_rows_of_zeros_have_no_relative_error_and_no_direction():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 5.0]])
    found = fidelity(constant([1.0, 0.0]), [x[:1], x[1:]])
    assert found.normalised_mse == pytest.approx((20 / 25 + 26 / 25) / 2)
    assert found.cosine == pytest.approx((3 / 5 + 0) / 2)
    assert found.gamma == pytest.approx(3 / 3)


def test_what_is_not_defined_is_nan():
    nothing = fidelity(constant([0.0, 0.0]), [torch.tensor([[1.0, 2.0], [3.0, -1.0]])])
    assert math.isnan(nothing.gamma)
    assert math.isnan(nothing.cosine)
    assert nothing.normalised_mse == 1
    assert math.isnan(fidelity(constant([1.0, 0.0]), [torch.tensor([[0.0, 2.0]])]).gamma), "at a right angle"
    assert math.isnan(fidelity(constant([1.0, 0.0]), [torch.zeros(3, 2)]).normalised_mse)


def test_without_rows_nothing_is_known():
    figures, counts = fidelity_and_firing(of_two_signs(2), [])
    unknown = dict.fromkeys(("explained_variance", "normalised_mse", "gamma", "cosine"), math.nan)
    close(figures, Fidelity(l0=0.0, dead_fraction=1.0, **unknown))
    assert counts.density.tolist() == [0] * 4
    assert counts.l0_histogram.tolist() == []


def test_figures_are_plain_numbers_and_leave_the_sae_alone():
    sae = some()
    before = {name: value.clone() for name, value in sae.state_dict().items()}
    found = fidelity(sae, [rows()])
    assert {type(value) for value in vars(found).values()} == {float}
    assert all(torch.equal(value, before[name]) for name, value in sae.state_dict().items())
