"""Matching pursuit SAE: against the pursuit itself, one row and one step after another."""

import numpy as np
import pytest
import torch
from contract import check_contract
from small_saes import filled, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import MatchingPursuit

CONFIG = MatchingPursuit(width=8, k=3)


def pursue(z, decoder, bias, k):
    """Features of rows by algorithm 1 of the paper, in NumPy and float64."""
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
    sae = filled(config, seed=seed)
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
    """The gradient of every step, by central differences of the slow pursuit."""
    sae = on_sphere(CONFIG)
    z = standardised(sae, 6)
    decoder, bias = sae.decoder.detach().numpy().copy(), sae.bias.detach().numpy().copy()

    def loss():
        f = pursue(z.numpy(), decoder, bias, CONFIG.k)
        return np.square(z.numpy() - f @ decoder - bias).sum(1).mean() / sae.dim

    terms, fired = sae.losses(z)
    assert list(terms) == ["error"]
    assert terms["error"].item() == pytest.approx(loss(), rel=1e-9)
    expected_fired = (pursue(z.numpy(), decoder, bias, CONFIG.k) > 0).any(0)
    assert fired.tolist() == expected_fired.tolist()
    terms["error"].backward()
    for values, gradient in ((decoder, sae.decoder.grad), (bias, sae.bias.grad)):
        for index in np.ndindex(values.shape):
            kept, step = values[index], 1e-6
            values[index] = kept + step
            above = loss()
            values[index] = kept - step
            slope = (above - loss()) / (2 * step)
            values[index] = kept
            assert gradient[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_orthonormal_features_are_found_exactly():
    """On an orthonormal dictionary the pursuit is exact: the k largest coefficients, in one pass."""
    sae = MatchingPursuit(width=4, k=2).build(4, torch.Generator())
    with torch.no_grad():
        sae.decoder.copy_(torch.eye(4))
    z = torch.tensor([[3.0, 1.0, 0.0, 2.0], [-1.0, -2.0, -3.0, -4.0]])
    assert sae.features(z).tolist() == [[3.0, 0.0, 0.0, 2.0], [0.0] * 4]


def test_a_feature_explains_what_the_last_one_left():
    """Two nearly parallel features: TopK would fire both on a row of the first; the pursuit fires one."""
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
    optimiser = torch.optim.Adam(sae.parameters(), lr=0.1)
    sae.fit_scale(rows().mean(0), rows().var(0))
    for _ in range(3):
        optimiser.zero_grad()
        sae.losses(sae.standardise(rows(dtype=torch.float32))).terms["error"].backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
        torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(8))


@pytest.mark.parametrize(("k", "width"), [(0, 8), (9, 8)])
def test_k_must_lie_between_one_and_the_width(k, width):
    with pytest.raises(VisaeError, match=f"k is {k}, the width {width}"):
        MatchingPursuit(width=width, k=k)
