import numpy as np
import pytest
import torch
from scipy import stats

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words import agreement, correlation
from visae.papers.bag_of_words._coactivation import of_covariance


def test_correlations_are_numpys():
    x = torch.rand(200, 6, generator=generator(0, "x"))
    x[:, 1] += x[:, 0]
    np.testing.assert_allclose(correlation(x), np.corrcoef(x.double().numpy().T), atol=1e-12)
    np.testing.assert_allclose(of_covariance(x.double().T.cov()), np.corrcoef(x.double().numpy().T), atol=1e-12)


def test_a_feature_that_never_varies_has_no_correlation():
    x = torch.rand(50, 4, generator=generator(0, "x"))
    x[:, 2] = 1.0
    found = correlation(x)
    assert found[2].isnan().all()
    assert found[:, 2].isnan().all()
    assert found[:2, :2].isfinite().all()


def test_agreement_is_pearsons_r_over_pairs():
    source = generator(0, "pairs")
    one, other = (torch.rand(7, 7, generator=source) for _ in range(2))
    one, other = one + one.T, other + other.T + one + one.T
    pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    expected = stats.pearsonr([one[pair].item() for pair in pairs], [other[pair].item() for pair in pairs])
    assert agreement(one, other) == pytest.approx(expected.statistic, abs=1e-5)
    # The diagonal has no say.
    assert agreement(one + 9 * torch.eye(7), other) == pytest.approx(agreement(one, other))
    assert agreement(one, 3 * one - 2) == pytest.approx(1)
    assert agreement(one, -one) == pytest.approx(-1)


def test_pairs_that_are_not_known_are_left_out():
    one = torch.rand(6, 6, generator=generator(0, "pairs"))
    other = 2 * one
    other[3], other[:, 3] = torch.nan, torch.nan
    one[3], one[:, 3] = 100.0, -100.0
    assert agreement(one, other) == pytest.approx(1)


def test_too_few_features_are_refused():
    with pytest.raises(VisaeError, match="needs 3 features or more, and was given 2"):
        agreement(torch.eye(2), torch.eye(2))
