import numpy as np
import pytest
import torch

from visae._support.seeds import generator
from visae.papers.bag_of_words._interference import by_context, contributions, interference, r2, r2_alone
from visae.papers.bag_of_words._synthetic import circular, independent


def slowly(G, x):
    """Bag by bag, feature by feature."""
    n = x.shape[1]
    found = {name: np.zeros(n) for name in ("own", "lift", "present", "absent")}
    for i in range(n):
        added = {True: [], False: []}
        raised = {True: 0.0, False: 0.0}
        whole = {True: 0.0, False: 0.0}
        own = []
        for bag in x:
            there = bool(bag[i] > 0)
            total = 0.0
            for j in range(n):
                if j != i:
                    total += G[i, j] * bag[j]
                    raised[there] += max(G[i, j] * bag[j], 0)
                    whole[there] += abs(G[i, j] * bag[j])
            added[there].append(total)
            if there:
                own.append(G[i, i] * bag[i])
        found["own"][i] = np.mean(own)
        found["lift"][i] = np.mean(added[True]) - np.mean(added[False])
        found["present"][i] = raised[True] / whole[True]
        found["absent"][i] = 1 - raised[False] / whole[False]
    return found


@pytest.mark.parametrize("binary", [True, False])
def test_interference_is_that_of_the_definition(binary):
    """For bags, and for the activations of an SAE, which are zero or more."""
    source = generator(0, "interference")
    x = (torch.rand(300, 6, generator=source) - 0.6).clamp_min(0)
    x = (x > 0).float() if binary else x
    G = torch.randn(6, 6, generator=source)
    found, slow = interference(G, x), slowly(G.double().numpy(), x.double().numpy())
    for name, expected in slow.items():
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-9)
    np.testing.assert_allclose(found.constructive, (slow["present"] + slow["absent"]) / 2)
    assert found.borrowed == pytest.approx(slow["lift"].sum() / (slow["lift"] + slow["own"]).sum())
    lift, own = slow["lift"][[4, 1]].sum(), slow["own"][[4, 1]].sum()
    assert found.some([4, 1]).borrowed == pytest.approx(lift / (lift + own))


def test_the_lift_of_bags_is_gram_times_covariance():
    x = circular().draw(500, generator(0, "lift")).float()
    G = torch.randn(12, 12, generator=generator(1, "lift")).double()
    covariance = x.double().T.cov(correction=0)
    others = G - G.diag().diag()
    expected = (others * covariance).sum(1) / covariance.diag()
    torch.testing.assert_close(interference(G, x).lift, expected)


def test_what_correlated_features_add_helps_and_what_independent_ones_add_does_not():
    G = circular().covariance()
    helped = interference(G, circular().draw(20_000, generator(0, "bags")).float())
    control = interference(G, independent(circular().mean()).draw(20_000, generator(0, "bags")).float())
    assert helped.lift.min() > 0
    assert helped.constructive.min() > 0.6
    assert helped.borrowed > 0.5
    torch.testing.assert_close(control.constructive, torch.full((12,), 0.5).double(), atol=0.02, rtol=0)
    assert abs(control.borrowed) < 0.02


def test_chance_is_a_half_whatever_rates_and_signs():
    rates = torch.tensor([0.05, 0.2, 0.5, 0.9]).double()
    G = torch.tensor([[1.0, 2, 3, 1], [2, 1, -1, 4], [3, -1, 1, 1], [-1, -4, -1, 1]])
    found = interference(G, independent(rates).draw(200_000, generator(0, "bags")).float())
    torch.testing.assert_close(found.constructive, torch.full((4,), 0.5).double(), atol=0.02, rtol=0)
    assert found.present[0] == 1
    assert found.present[3] == 0


def test_what_is_never_there_has_no_interference():
    x = torch.rand(40, 3, generator=generator(0, "x")).round()
    x[:, 1] = 0
    found = interference(torch.ones(3, 3), x)
    assert found.lift[1].isnan()
    assert found.lift[[0, 2]].isfinite().all()


def test_contributions_sum_to_the_pre_activation():
    source = generator(0, "contributions")
    W, b = torch.randn(3, 5, generator=source), torch.randn(5, generator=source)
    x = torch.rand(20, 5, generator=source).round()
    pre = x @ W.T @ W + b
    adds = contributions(W.T @ W, x, 2)
    torch.testing.assert_close(adds.sum(1) + b[2], pre[:, 2])
    average = by_context(W.T @ W, x, 2)
    holding = [bag for bag in range(20) if x[bag, 2] > 0]
    expected = [np.mean([adds[bag, j].item() for bag in holding]) for j in range(5)]
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_r2_is_that_of_the_definition():
    source = generator(0, "r2")
    x, x_hat = torch.rand(30, 4, generator=source), torch.rand(30, 4, generator=source)
    x[:, 3] = 2.0
    found = r2(x, x_hat)
    for feature in range(3):
        of, guess = x[:, feature].double().numpy(), x_hat[:, feature].double().numpy()
        assert found[feature].item() == pytest.approx(1 - np.sum((of - guess) ** 2) / np.sum((of - of.mean()) ** 2))
    assert found[3].isnan()
    assert r2(x, x)[:3].tolist() == [1, 1, 1]
    torch.testing.assert_close(r2(x.expand(2, -1, -1), torch.stack([x_hat, x]))[0, :3], found[:3])


def test_alone_is_over_bags_of_one_feature():
    x = torch.rand(30, 4, generator=generator(0, "r2"))
    assert r2_alone(lambda single: single, x).tolist() == [1] * 4
    # The mean of each feature over the four bags, which tells nothing.
    assert r2_alone(lambda single: torch.full_like(single, 0.25), x).tolist() == pytest.approx([0] * 4)
