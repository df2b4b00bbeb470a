"""Hierarchical TopK SAE: against the mean error over every budget, one row and one budget after another."""

import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import largest, preactivate, tensors
from small_saes import AUX, DEAD, filled, standardised

from visae._support.errors import VisaeError
from visae.sae import HierarchicalTopK, TopK

CONFIG = HierarchicalTopK(**AUX | {"k": 3})


def mean_error(config, p, z):
    """1/k sum over j of |z - f^(j) decoder - bias|^2 / d, with f^(j) the j largest positive pre-activations."""
    total = 0.0
    for row, pre in zip(z, preactivate(config, p, z), strict=True):
        for budget in range(1, config.k + 1):
            residual = row - largest(pre, budget) @ p["decoder"] - p["bias"]
            total += residual @ residual / (config.k * len(row))
    return total / len(z)


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_the_error_is_the_mean_over_budgets(k):
    sae = filled(HierarchicalTopK(**AUX | {"k": k}))
    z = standardised(sae)
    terms, _ = sae.losses(z)
    assert terms["error"].item() == pytest.approx(mean_error(sae.config, tensors(sae), z.numpy()), rel=1e-9)


def test_gradients_are_those_of_the_mean_error():
    sae = filled(CONFIG)
    z = standardised(sae, 6)
    sae.losses(z).terms["error"].backward()
    p = tensors(sae)
    for name in ("encoder", "encoder_bias", "decoder", "bias"):
        gradient = sae.get_parameter(name).grad
        for index in np.ndindex(p[name].shape):
            kept, step = p[name][index], 1e-6
            p[name][index] = kept + step
            above = mean_error(CONFIG, p, z.numpy())
            p[name][index] = kept - step
            slope = (above - mean_error(CONFIG, p, z.numpy())) / (2 * step)
            p[name][index] = kept
            assert gradient[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-7), name


def test_with_one_feature_it_is_a_topk_sae():
    """With k 1 there is one budget, and nothing hierarchical."""
    sae = filled(HierarchicalTopK(**AUX | {"k": 1}))
    plain = filled(TopK(**AUX | {"k": 1}))
    z = standardised(sae)
    ours, theirs = sae.losses(z), plain.losses(z)
    assert list(ours.terms) == list(theirs.terms)
    for name, term in theirs.terms.items():
        torch.testing.assert_close(ours.terms[name], term)
    assert ours.fired.tolist() == theirs.fired.tolist()


def test_what_fired_and_what_the_dead_explain_are_those_of_the_whole():
    sae, plain = filled(CONFIG), filled(TopK(**AUX | {"k": 3}))
    z = standardised(sae)
    assert sae.dead[0].tolist() == DEAD
    torch.testing.assert_close(sae.losses(z).terms["aux"], plain.losses(z).terms["aux"])
    assert sae.losses(z).fired.tolist() == plain.losses(z).fired.tolist()


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_budget_keeps_the_strongest_features(budget):
    sae = filled(CONFIG)
    z = standardised(sae)
    smaller = sae.with_budget(budget)
    expected = np.array([largest(row, budget) for row in preactivate(CONFIG, tensors(sae), z.numpy())])
    np.testing.assert_allclose(smaller.features(z).detach().numpy(), expected, rtol=1e-9)
    assert smaller.config.k == budget
    assert sae.config.k == 3
    assert torch.equal(sae.features(z), filled(CONFIG).features(z))


@pytest.mark.parametrize("budget", [0, 4])
def test_budgets_it_was_not_trained_for_are_refused(budget):
    with pytest.raises(VisaeError, match=rf"budget is {budget}, the SAE was trained for 1 to 3"):
        filled(CONFIG).with_budget(budget)
