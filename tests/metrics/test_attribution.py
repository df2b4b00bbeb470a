import math

import numpy as np
import pytest
import torch
from constructed_saes import ConstructedSAE

from visae._support.errors import VisaeError
from visae.metrics import Attribution, attribution, constituents, variance_explained


def random_features(seed=0):
    """Values of three non-negative features, [500, 3], and the directions in which they write to two neurons."""
    f = torch.tensor(np.random.default_rng(seed).exponential(1, (500, 3)) * [1.0, 2.0, 0.5])
    directions = torch.tensor([[1.0, 0.0], [0.5, 2.0], [-1.0, 0.0]], dtype=torch.float64)
    return f, directions


def sae_with_features(f, directions, x):
    """An SAE that encodes the rows x as the features f."""
    inverse = torch.linalg.lstsq(x, f).solution
    return ConstructedSAE(
        x.shape[1], lambda rows: rows.double() @ inverse, lambda values: values.double() @ directions, directions
    )


def slow_share(f, weight, neuron):
    """The definition of the share, feature by feature."""
    return [
        np.mean((w * c - (w * c).mean()) * (neuron - neuron.mean())) / neuron.var()
        for w, c in zip(weight, f.T, strict=True)
    ]


@pytest.mark.parametrize("sizes", [[500], [1, 499], [250, 250]])
def test_shares_are_covariances_over_the_variance(sizes):
    f, directions = random_features()
    x = torch.cat([f @ directions, f], 1)  # three more neurons, from which the features can be read
    wide = torch.cat([directions, torch.eye(3, dtype=torch.float64)], 1)
    sae = sae_with_features(f, wide, x)
    attributed = attribution(sae, x.split(sizes))
    for neuron in range(5):
        expected = slow_share(f.numpy(), wide[:, neuron].numpy(), x[:, neuron].numpy())
        np.testing.assert_allclose(attributed.share[:, neuron], expected, atol=1e-9)
        assert attributed.share[:, neuron].sum().item() == pytest.approx(1), "the features reconstruct x perfectly"
    assert torch.equal(attributed.weight, wide)
    order = attributed.largest(0, 0.01)
    assert order == sorted(order, key=lambda unit: -attributed.share[unit, 0].item())
    assert 1 not in attributed.largest(2, 0.01)


def test_variance_explained_alone_and_together():
    f, directions = random_features()
    x = torch.cat([f @ directions, f], 1)
    sae = sae_with_features(f, torch.cat([directions, torch.eye(3, dtype=torch.float64)], 1), x)
    alone = attribution(sae, x.split(100)).alone
    for unit in range(3):
        residual = x[:, 0].numpy() - (f * directions[:, 0]).numpy()[:, unit]
        assert alone[unit, 0].item() == pytest.approx(1 - residual.var() / x[:, 0].numpy().var())
    explained = variance_explained(sae, x.split(100), 0, [2, 0, 1])
    neuron, contributions = x[:, 0].numpy(), (f * directions[:, 0]).numpy()[:, [2, 0, 1]]
    expected = [1 - (neuron - contributions[:, :n].sum(1)).var() / neuron.var() for n in (1, 2, 3)]
    assert explained == pytest.approx(expected, abs=1e-9)
    assert explained[-1] == pytest.approx(1)


def test_a_constant_neuron_has_no_shares():
    sae = ConstructedSAE(2, lambda x: x[..., :1], lambda f: f, torch.tensor([[1.0, 1.0]]))
    x = torch.tensor([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]])
    attributed = attribution(sae, [x])
    assert attributed.share.tolist() == [[pytest.approx(1.0), 0.0]]
    assert attributed.alone.tolist() == [[pytest.approx(1.0), 0.0]]
    assert attributed.largest(1, 0.01) == []


def test_attribution_needs_rows():
    sae = ConstructedSAE(2, lambda x: x[..., :1], lambda f: f, torch.tensor([[1.0, 1.0]]))
    with pytest.raises(VisaeError, match="no rows"):
        attribution(sae, [])


# Three planted features in three neurons: a in 0 and 1, b in 1, c in 2.
TRUTH = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def with_shares(share):
    share = torch.tensor(share).double()
    return Attribution(share, share, torch.ones(len(share), 3).double())


def test_the_truth_has_perfect_precision_and_recall():
    scores = constituents(with_shares([[0.5, 0.5, 0], [0, 0.5, 0], [0, 0, 0.9]]), TRUTH, TRUTH, 0.01)
    assert (scores.precision, scores.recall) == (1, 1)


def test_false_and_missing_constituents_count():
    # The first is wrongly listed for neuron 2, the second not listed for 1, the fourth matches no planted feature.
    directions = torch.cat([TRUTH, torch.tensor([[1.0, -1.0, 0.0]])])
    share = [[0.5, 0.5, 0.2], [0, 0.005, 0], [0, 0, 0.9], [0.1, 0, 0]]
    scores = constituents(with_shares(share), directions, TRUTH, 0.01)
    assert scores.precision == pytest.approx(3 / 5)
    assert scores.recall == pytest.approx(3 / 4)


def test_directions_that_are_not_planted_score_zero():
    directions = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, -1.0, 0.0]])
    scores = constituents(with_shares([[0.5] * 3] * 3), directions, TRUTH, 0.01)
    assert (scores.precision, scores.recall) == (0, 0)
    assert math.isnan(constituents(with_shares([[0.0] * 3] * 3), TRUTH, TRUTH, 0.01).precision)
