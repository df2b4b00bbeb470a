"""Hierarchical TopK SAEs, against the mean error over every budget, row by row."""

import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import keep_largest, numerical_gradients, pre_activations, tensors
from small_saes import AUX, DEAD, random_sae, standardised

from visae._support.errors import VisaeError
from visae.sae import HierarchicalTopK, TopK

CONFIG = HierarchicalTopK(**AUX | {"k": 3})


def mean_error(config, p, z):
    """1/k sum over j of |z - f^(j) decoder - bias|^2 / d, with f^(j) the j largest positive pre-activations."""
    total = 0.0
    for row, pre in zip(z, pre_activations(config, p, z), strict=True):
        for budget in range(1, config.k + 1):
            residual = row - keep_largest(pre, budget) @ p["decoder"] - p["bias"]
            total += residual @ residual / (config.k * len(row))
    return total / len(z)


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_the_error_is_the_mean_over_budgets(k):
    sae = random_sae(HierarchicalTopK(**AUX | {"k": k}))
    z = standardised(sae)
    terms, _ = sae.losses(z)
    assert terms["error"].item() == pytest.approx(mean_error(sae.config, tensors(sae), z.numpy()), rel=1e-9)


def test_gradients_are_those_of_the_mean_error():
    sae = random_sae(CONFIG)
    z = standardised(sae, 6)
    sae.losses(z).terms["error"].backward()
    p = tensors(sae)
    for name in ("encoder", "encoder_bias", "decoder", "bias"):
        expected = numerical_gradients(lambda: [mean_error(CONFIG, p, z.numpy())], p[name])[0]
        np.testing.assert_allclose(sae.get_parameter(name).grad, expected, rtol=1e-4, atol=1e-7, err_msg=name)


def test_a_budget_of_one_feature_is_a_topk_sae():
    sae = random_sae(HierarchicalTopK(**AUX | {"k": 1}))
    plain = random_sae(TopK(**AUX | {"k": 1}))
    z = standardised(sae)
    losses, expected = sae.losses(z), plain.losses(z)
    assert list(losses.terms) == list(expected.terms)
    for name, term in expected.terms.items():
        torch.testing.assert_close(losses.terms[name], term)
    assert losses.fired.tolist() == expected.fired.tolist()


def test_firing_and_auxk_are_those_of_a_topk_sae():
    sae, plain = random_sae(CONFIG), random_sae(TopK(**AUX | {"k": 3}))
    z = standardised(sae)
    assert sae.dead[0].tolist() == DEAD
    torch.testing.assert_close(sae.losses(z).terms["aux"], plain.losses(z).terms["aux"])
    assert sae.losses(z).fired.tolist() == plain.losses(z).fired.tolist()


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_budget_keeps_the_strongest_features(budget):
    sae = random_sae(CONFIG)
    z = standardised(sae)
    smaller = sae.with_budget(budget)
    expected = np.array([keep_largest(row, budget) for row in pre_activations(CONFIG, tensors(sae), z.numpy())])
    np.testing.assert_allclose(smaller.features(z).detach().numpy(), expected, rtol=1e-9)
    assert smaller.config.k == budget
    assert sae.config.k == 3
    assert torch.equal(sae.features(z), random_sae(CONFIG).features(z))


@pytest.mark.parametrize("budget", [0, 4])
def test_budgets_that_were_not_trained_are_refused(budget):
    with pytest.raises(VisaeError, match=rf"budget is {budget}, but the SAE .* 1 to 3"):
        random_sae(CONFIG).with_budget(budget)
