import numpy as np
import pytest
import torch
from scipy import stats

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.metrics import (
    contributions,
    contributions_in_context,
    correlation,
    correlation_of_covariance,
    interference,
    pair_agreement,
    r2,
    r2_alone,
)
from visae.papers.bag_of_words import circular, independent


def test_correlations_are_numpys():
    x = torch.rand(200, 6, generator=generator(0, "x"))
    x[:, 1] += x[:, 0]
    expected = np.corrcoef(x.double().numpy().T)
    np.testing.assert_allclose(correlation(x), expected, atol=1e-12)
    np.testing.assert_allclose(correlation_of_covariance(x.double().T.cov()), expected, atol=1e-12)


def test_correlation_of_a_constant_feature_is_nan():
    x = torch.rand(50, 4, generator=generator(0, "x"))
    x[:, 2] = 1.0
    result = correlation(x)
    assert result[2].isnan().all()
    assert result[:, 2].isnan().all()
    assert result[:2, :2].isfinite().all()


def test_agreement_is_pearsons_r_over_pairs():
    source = generator(0, "pairs")
    a, b = (torch.rand(7, 7, generator=source) for _ in range(2))
    a, b = a + a.T, b + b.T + a + a.T
    pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    expected = stats.pearsonr([a[pair].item() for pair in pairs], [b[pair].item() for pair in pairs])
    assert pair_agreement(a, b) == pytest.approx(expected.statistic, abs=1e-5)
    # The diagonal does not count.
    assert pair_agreement(a + 9 * torch.eye(7), b) == pytest.approx(pair_agreement(a, b))
    assert pair_agreement(a, 3 * a - 2) == pytest.approx(1)
    assert pair_agreement(a, -a) == pytest.approx(-1)


def test_pairs_with_nan_are_left_out():
    a = torch.rand(6, 6, generator=generator(0, "pairs"))
    b = 2 * a
    b[3], b[:, 3] = torch.nan, torch.nan
    a[3], a[:, 3] = 100.0, -100.0
    assert pair_agreement(a, b) == pytest.approx(1)


def test_agreement_needs_three_features():
    with pytest.raises(VisaeError, match="given 2"):
        pair_agreement(torch.eye(2), torch.eye(2))


def slow_interference(G, x):
    """Bag by bag, feature by feature."""
    n = x.shape[1]
    result = {name: np.zeros(n) for name in ("own", "lift", "present", "absent")}
    for i in range(n):
        added = {True: [], False: []}
        raised = {True: 0.0, False: 0.0}
        whole = {True: 0.0, False: 0.0}
        own = []
        for bag in x:
            present = bool(bag[i] > 0)
            total = 0.0
            for j in range(n):
                if j != i:
                    total += G[i, j] * bag[j]
                    raised[present] += max(G[i, j] * bag[j], 0)
                    whole[present] += abs(G[i, j] * bag[j])
            added[present].append(total)
            if present:
                own.append(G[i, i] * bag[i])
        result["own"][i] = np.mean(own)
        result["lift"][i] = np.mean(added[True]) - np.mean(added[False])
        result["present"][i] = raised[True] / whole[True]
        result["absent"][i] = 1 - raised[False] / whole[False]
    return result


@pytest.mark.parametrize("binary", [True, False])
def test_interference_is_that_of_the_definition(binary):
    """For bags, and for activations of an SAE, which are 0 or more."""
    source = generator(0, "interference")
    x = (torch.rand(300, 6, generator=source) - 0.6).clamp_min(0)
    x = (x > 0).float() if binary else x
    G = torch.randn(6, 6, generator=source)
    result, slow = interference(G, x), slow_interference(G.double().numpy(), x.double().numpy())
    for name, expected in slow.items():
        np.testing.assert_allclose(getattr(result, name), expected, atol=1e-9)
    np.testing.assert_allclose(result.constructive, (slow["present"] + slow["absent"]) / 2)
    assert result.borrowed == pytest.approx(slow["lift"].sum() / (slow["lift"] + slow["own"]).sum())
    lift, own = slow["lift"][[4, 1]].sum(), slow["own"][[4, 1]].sum()
    assert result.select([4, 1]).borrowed == pytest.approx(lift / (lift + own))


def test_lift_of_bags_is_gram_times_covariance():
    x = circular().draw(500, generator(0, "lift")).float()
    G = torch.randn(12, 12, generator=generator(1, "lift")).double()
    covariance = x.double().T.cov(correction=0)
    others = G - G.diag().diag()
    expected = (others * covariance).sum(1) / covariance.diag()
    torch.testing.assert_close(interference(G, x).lift, expected)


def test_interference_helps_correlated_features_only():
    G = circular().covariance()
    helped = interference(G, circular().draw(20_000, generator(0, "bags")).float())
    control = interference(G, independent(circular().mean()).draw(20_000, generator(0, "bags")).float())
    assert helped.lift.min() > 0
    assert helped.constructive.min() > 0.6
    assert helped.borrowed > 0.5
    torch.testing.assert_close(control.constructive, torch.full((12,), 0.5).double(), atol=0.02, rtol=0)
    assert abs(control.borrowed) < 0.02


def test_independent_features_have_a_constructive_share_of_one_half():
    rates = torch.tensor([0.05, 0.2, 0.5, 0.9]).double()
    G = torch.tensor([[1.0, 2, 3, 1], [2, 1, -1, 4], [3, -1, 1, 1], [-1, -4, -1, 1]])
    result = interference(G, independent(rates).draw(200_000, generator(0, "bags")).float())
    torch.testing.assert_close(result.constructive, torch.full((4,), 0.5).double(), atol=0.02, rtol=0)
    assert result.present[0] == 1
    assert result.present[3] == 0


def test_interference_of_an_absent_feature_is_nan():
    x = torch.rand(40, 3, generator=generator(0, "x")).round()
    x[:, 1] = 0
    result = interference(torch.ones(3, 3), x)
    assert result.lift[1].isnan()
    assert result.lift[[0, 2]].isfinite().all()


def test_contributions_sum_to_the_pre_activation():
    source = generator(0, "contributions")
    W, b = torch.randn(3, 5, generator=source), torch.randn(5, generator=source)
    x = torch.rand(20, 5, generator=source).round()
    pre = x @ W.T @ W + b
    adds = contributions(W.T @ W, x, 2)
    torch.testing.assert_close(adds.sum(1) + b[2], pre[:, 2])
    average = contributions_in_context(W.T @ W, x, 2)
    holding = [bag for bag in range(20) if x[bag, 2] > 0]
    expected = [np.mean([adds[bag, j].item() for bag in holding]) for j in range(5)]
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_r2_is_that_of_the_definition():
    source = generator(0, "r2")
    x, x_hat = torch.rand(30, 4, generator=source), torch.rand(30, 4, generator=source)
    x[:, 3] = 2.0
    result = r2(x, x_hat)
    for feature in range(3):
        true, guess = x[:, feature].double().numpy(), x_hat[:, feature].double().numpy()
        expected = 1 - np.sum((true - guess) ** 2) / np.sum((true - true.mean()) ** 2)
        assert result[feature].item() == pytest.approx(expected)
    assert result[3].isnan()
    assert r2(x, x)[:3].tolist() == [1, 1, 1]
    torch.testing.assert_close(r2(x.expand(2, -1, -1), torch.stack([x_hat, x]))[0, :3], result[:3])


def test_r2_alone_is_over_bags_of_one_feature():
    x = torch.rand(30, 4, generator=generator(0, "r2"))
    assert r2_alone(lambda single: single, x).tolist() == [1] * 4
    # The mean of each feature over the four bags, which is uninformative.
    assert r2_alone(lambda single: torch.full_like(single, 0.25), x).tolist() == pytest.approx([0] * 4)
