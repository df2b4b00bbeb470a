import numpy as np
import pytest
import torch
from made import Made

from visae._support.errors import VisaeError
from visae.metrics._attribution import attribution, explained


def drawn(seed=0):
    """Three features, never negative, that write to two neurons, and rows that are their sum."""
    f = torch.tensor(np.random.default_rng(seed).exponential(1, (500, 3)) * [1.0, 2.0, 0.5])
    directions = torch.tensor([[1.0, 0.0], [0.5, 2.0], [-1.0, 0.0]], dtype=torch.float64)
    return f, directions


def reading(f, directions, x):
    """An SAE whose features of these rows are these."""
    inverse = torch.linalg.lstsq(x, f).solution
    return Made(x.shape[1], lambda rows: rows.double() @ inverse, lambda of: of.double() @ directions, directions)


def slow_share(f, weight, neuron):
    """Covariance by its definition, feature by feature."""
    return [
        np.mean((w * c - (w * c).mean()) * (neuron - neuron.mean())) / neuron.var()
        for w, c in zip(weight, f.T, strict=True)
    ]


@pytest.mark.parametrize("sizes", [[500], [1, 499], [250, 250]])
def test_shares_are_covariances_over_the_variance(sizes):
    f, directions = drawn()
    x = torch.cat([f @ directions, f], 1)  # three more neurons, from which the features can be read
    wide = torch.cat([directions, torch.eye(3, dtype=torch.float64)], 1)
    sae = reading(f, wide, x)
    found = attribution(sae, lambda: x.split(sizes))
    for neuron in range(5):
        expected = slow_share(f.numpy(), wide[:, neuron].numpy(), x[:, neuron].numpy())
        np.testing.assert_allclose(found.share[:, neuron], expected, atol=1e-9)
        assert found.share[:, neuron].sum().item() == pytest.approx(1), "x is all that the features add up to"
    assert torch.equal(found.weight, wide)
    order = found.largest(0, 0.01)
    assert order == sorted(order, key=lambda unit: -found.share[unit, 0].item())
    assert 1 not in found.largest(2, 0.01)


def test_what_features_explain_together():
    f, directions = drawn()
    x = torch.cat([f @ directions, f], 1)
    sae = reading(f, torch.cat([directions, torch.eye(3, dtype=torch.float64)], 1), x)
    alone = attribution(sae, lambda: x.split(100)).alone
    for unit in range(3):
        left = x[:, 0].numpy() - (f * directions[:, 0]).numpy()[:, unit]
        assert alone[unit, 0].item() == pytest.approx(1 - left.var() / x[:, 0].numpy().var())
    found = explained(sae, lambda: x.split(100), 0, [2, 0, 1])
    neuron, contributions = x[:, 0].numpy(), (f * directions[:, 0]).numpy()[:, [2, 0, 1]]
    expected = [1 - (neuron - contributions[:, :n].sum(1)).var() / neuron.var() for n in (1, 2, 3)]
    assert found == pytest.approx(expected, abs=1e-9)
    assert found[-1] == pytest.approx(1)


def test_a_neuron_that_does_not_vary_has_no_parts():
    sae = Made(2, lambda x: x[..., :1], lambda f: f, torch.tensor([[1.0, 1.0]]))
    x = torch.tensor([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]])
    found = attribution(sae, lambda: [x])
    assert found.share.tolist() == [[pytest.approx(1.0), 0.0]]
    assert found.alone.tolist() == [[pytest.approx(1.0), 0.0]]
    assert found.largest(1, 0.01) == []


def test_no_rows_are_refused():
    sae = Made(2, lambda x: x[..., :1], lambda f: f, torch.tensor([[1.0, 1.0]]))
    with pytest.raises(VisaeError, match="no rows"):
        attribution(sae, lambda: [])
