"""Orthogonal matching pursuit, against the pursuit itself with scipy's least squares, and scikit-learn's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import nnls
from sklearn.decomposition import sparse_encode

from visae.sae import _pursuit
from visae.sae._pursuit import along_support, gain_threshold, listed, pursue


def directions(width=20, dim=8, seed=0, positive=True):
    drawn = torch.randn(width, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(drawn.relu() + 0.05 if positive else drawn, dim=1)


def rows(count=50, dim=8, seed=1):
    return torch.rand(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 2


def slow_pursuit(z, decoder, k, min_gain=0.0):
    """Pursue row by row, with a fresh non-negative least squares at every step; return features and gains."""
    f, gains = np.zeros((len(z), len(decoder))), np.zeros((len(z), k))
    for row, features, gained in zip(z, f, gains, strict=True):
        selected, residual = [], row
        for step in range(k):
            match = decoder @ residual
            best = int(np.argmax(match))
            if match[best] <= 1e-12:
                break
            values, _ = nnls(decoder[[*selected, best]].T, row)
            left = row - values @ decoder[[*selected, best]]
            gain = residual @ residual - left @ left
            if gain < max(min_gain, 1e-12):
                break
            selected, residual = [*selected, best], left
            features[:] = 0
            features[selected] = values
            gained[step] = gain
    return f, gains


@pytest.mark.parametrize("is_positive", [True, False], ids=["positive directions", "signed directions"])
@pytest.mark.parametrize(("k", "min_gain"), [(1, 0.0), (3, 0.0), (5, 0.0), (5, 0.05)])
def test_codes_are_those_of_the_pursuit(is_positive, k, min_gain):
    z, decoder = rows(), directions(positive=is_positive)
    code = pursue(z, decoder, k, min_gain)
    expected, gains = slow_pursuit(z.numpy(), decoder.numpy(), k, min_gain)
    np.testing.assert_allclose(code.dense(20).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(code.gains.numpy(), gains, atol=1e-6)


def test_negative_values_are_refitted():
    """The cases above have rows whose plain least squares is negative, or they would not test the refit."""
    code = pursue(rows(), directions(), 5, positive=False)
    assert (code.values < 0).any()
    assert (pursue(rows(), directions(), 5).values >= 0).all()


def test_codes_with_signs_are_scikit_learns():
    z, decoder = rows(), directions(positive=False)
    code = pursue(z, decoder, 3, positive=False).dense(20)
    expected = sparse_encode(z.numpy(), decoder.numpy(), algorithm="omp", n_nonzero_coefs=3)
    np.testing.assert_allclose(code.numpy(), expected, atol=1e-9)


def test_orthogonal_directions_give_the_largest_values():
    z = rows(dim=6)
    code = pursue(z, torch.eye(6, dtype=torch.float64), 2)
    torch.testing.assert_close(code.values, z.topk(2).values)
    torch.testing.assert_close(code.gains, z.topk(2).values.square())


def test_gains_add_up_to_what_is_explained():
    z, decoder = rows(), directions()
    code = pursue(z, decoder, 4)
    left = z - code.dense(20) @ decoder
    torch.testing.assert_close(code.gains.sum(1), z.square().sum(1) - left.square().sum(1))


def test_a_feature_is_selected_once():
    code = pursue(rows(), directions(), 8)
    for features, gains in zip(code.features.tolist(), code.gains, strict=True):
        used = [feature for feature, gain in zip(features, gains, strict=True) if gain > 0]
        assert len(set(used)) == len(used)


def test_a_copy_of_a_direction_is_not_selected_beside_it():
    decoder = directions(4, 3)
    code = pursue(rows(dim=3), torch.cat([decoder, decoder]), 3)
    f = code.dense(8)
    assert not ((f[:, :4] > 0) & (f[:, 4:] > 0)).any()


def test_silent_rows_have_no_features():
    code = pursue(torch.zeros(3, 8, dtype=torch.float64), directions(), 2)
    assert not code.values.any()
    assert not code.gains.any()
    assert pursue(torch.zeros(0, 8, dtype=torch.float64), directions(), 2).values.shape == (0, 2)


def test_pieces_do_not_matter(monkeypatch):
    z, decoder = rows(), directions()
    whole = pursue(z, decoder, 4, 0.01)
    monkeypatch.setattr(_pursuit, "_PIECE", {"cpu": 7 * len(decoder)})
    for part, expected in zip(pursue(z, decoder, 4, 0.01), whole, strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("count", [0.5, 1, 2.5])
def test_threshold_gives_the_asked_number_of_steps(count):
    z, decoder = rows(200), directions()
    threshold = gain_threshold(pursue(z, decoder, 8).gains, count)
    steps = (pursue(z, decoder, 8, threshold).gains > 0).sum().item()
    assert steps == round(count * 200)


def test_threshold_is_zero_where_all_steps_are_asked_for():
    assert gain_threshold(torch.rand(5, 3), 3) == 0


def test_gradient_is_that_of_least_squares_on_what_fires():
    """A small change of a row changes the values as `along_support` says."""
    z, decoder = rows(10), directions()
    code = pursue(z, decoder, 3)
    change = 1e-7 * torch.randn(z.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    moved = pursue(z + change, decoder, 3)
    predicted = along_support(change @ decoder.T, code, decoder @ decoder.T)
    assert torch.equal(moved.features, code.features)
    torch.testing.assert_close(moved.values - code.values, predicted, rtol=1e-4, atol=1e-13)


def test_dense_features_become_lists():
    f = torch.tensor([[0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]])
    code = listed(f)
    assert code.values.shape == (3, 2)
    assert torch.equal(code.dense(4), f)
    assert torch.equal(listed(torch.zeros(2, 4)).dense(4), torch.zeros(2, 4))
