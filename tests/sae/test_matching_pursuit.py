"""Matching pursuit SAEs, against the pursuit itself, row by row and step by step."""

import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import numerical_gradients, tensors
from small_saes import random_sae, rows, standardised, train_briefly

from visae._support.errors import VisaeError
from visae.sae import MatchingPursuit

CONFIG = MatchingPursuit(width=8, k=3)


def pursue(z, decoder, bias, k):
    """Encode rows by algorithm 1 of the paper."""
    f = np.zeros((len(z), len(decoder)))
    for row, features in zip(z, f, strict=True):
        residual = row - bias
        for _ in range(k):
            match = [direction @ residual for direction in decoder]
            best = int(np.argmax(match))
            value = max(match[best], 0.0)
            features[best] += value
            residual = residual - value * decoder[best]
    return f


def on_sphere(config, seed=0):
    sae = random_sae(config, seed=seed)
    sae.after_step()
    return sae


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_features_are_those_of_the_pursuit(k):
    sae = on_sphere(MatchingPursuit(width=8, k=k))
    z = standardised(sae)
    expected = pursue(z.numpy(), sae.decoder.detach().numpy(), sae.bias.detach().numpy(), k)
    np.testing.assert_allclose(sae.features(z).detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert ((expected > 0).sum(1) <= k).all()


def test_loss_and_gradients_are_those_of_the_pursuit():
    """The gradient passes through every step."""
    sae = on_sphere(CONFIG)
    z, p = standardised(sae, 6), tensors(sae)

    def loss():
        f = pursue(z.numpy(), p["decoder"], p["bias"], CONFIG.k)
        return np.square(z.numpy() - f @ p["decoder"] - p["bias"]).sum(1).mean() / sae.dim

    terms, fired = sae.losses(z)
    assert list(terms) == ["error"]
    assert terms["error"].item() == pytest.approx(loss(), rel=1e-9)
    assert fired.tolist() == (pursue(z.numpy(), p["decoder"], p["bias"], CONFIG.k) > 0).any(0).tolist()
    terms["error"].backward()
    for name in ("decoder", "bias"):
        expected = numerical_gradients(lambda: [loss()], p[name])[0]
        np.testing.assert_allclose(sae.get_parameter(name).grad, expected, rtol=1e-4, atol=1e-7, err_msg=name)


def test_in_an_orthonormal_dictionary_the_pursuit_keeps_the_k_largest_coefficients():
    sae = MatchingPursuit(width=4, k=2).build(4, torch.Generator())
    with torch.no_grad():
        sae.decoder.copy_(torch.eye(4))
    z = torch.tensor([[3.0, 1.0, 0.0, 2.0], [-1.0, -2.0, -3.0, -4.0]])
    assert sae.features(z).tolist() == [[3.0, 0.0, 0.0, 2.0], [0.0] * 4]


def test_of_two_nearly_parallel_features_only_one_fires():
    """A TopK SAE would fire both on a row along the first."""
    sae = MatchingPursuit(width=2, k=2).build(2, torch.Generator())
    with torch.no_grad():
        sae.decoder.copy_(torch.tensor([[1.0, 0.0], [0.8, 0.6]]))
    f = sae.features(torch.tensor([[1.0, 0.0], [0.8, 0.6]]))
    torch.testing.assert_close(f, torch.eye(2), rtol=0, atol=1e-6)


def test_the_error_never_grows_with_k():
    errors = []
    for k in (1, 2, 4, 8):
        sae = on_sphere(MatchingPursuit(width=8, k=k))
        errors.append(sae.losses(standardised(sae)).terms["error"].item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 2


def test_directions_keep_their_norm_in_training():
    sae = CONFIG.build(3, torch.Generator())
    sae.fit_scale(rows().mean(0), rows().var(0))
    for _ in train_briefly(sae, [standardised(sae, 40, seed) for seed in range(3)], lr=0.1):
        torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(8))


@pytest.mark.parametrize(("k", "width"), [(0, 8), (9, 8)])
def test_settings_out_of_range_are_refused(k, width):
    with pytest.raises(VisaeError, match=f"k is {k}, the width {width}"):
        MatchingPursuit(width=width, k=k)
