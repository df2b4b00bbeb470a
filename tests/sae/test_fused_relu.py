import pytest
import torch
from small_saes import random_sae, standardised

from visae.sae import ReLU
from visae.sae._fused_relu import _unfused, fused_relu


@pytest.fixture(params=[1, 21, 1 << 21])
def piece(request, monkeypatch):
    """Work in pieces of one row, of five rows and a rest, and of all rows."""
    monkeypatch.setattr("visae.sae._fused_relu._PIECE", request.param)


def arguments(stacked, n=7):
    """Return rows [n, 3], and the parameters of an SAE of 4 features, or of three such SAEs."""
    generator = torch.Generator().manual_seed(0)
    members = (3,) if stacked else ()
    sizes = [(*members, 4, 3), (*members, 4), (*members, 4, 3), (*members, 3), (*members, 4)]
    parameters = [torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_() for size in sizes]
    return torch.randn(n, 3, generator=generator, dtype=torch.float64), parameters


single_and_stacked = pytest.mark.parametrize("stacked", [False, True], ids=["single", "stacked"])
in_pieces = pytest.mark.usefixtures("piece")


@in_pieces
@single_and_stacked
@pytest.mark.parametrize("n", [1, 7])
def test_values_and_firing_match_autograds_form(stacked, n):
    z, parameters = arguments(stacked, n)
    *fused, fired = fused_relu(z, *parameters)
    *plain, expected_fired = _unfused(z, *parameters)
    for actual, expected in zip(fused, plain, strict=True):
        torch.testing.assert_close(actual, expected.double(), rtol=1e-6, atol=1e-9)
    assert torch.equal(fired, expected_fired)
    assert not fired.requires_grad
    assert fired.any()


@in_pieces
@single_and_stacked
@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (-0.5, 3.0)])
def test_gradients_match_autograds(stacked, weights):
    z, parameters = arguments(stacked)
    upstream = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64) if stacked else torch.tensor(2.0).double()

    def gradients(function):
        error, penalty, _ = function(z, *parameters)
        loss = (upstream * (weights[0] * error + weights[1] * penalty.square())).sum()
        return torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)

    for actual, expected in zip(gradients(fused_relu), gradients(_unfused), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
        assert actual.shape == expected.shape


@single_and_stacked
@pytest.mark.parametrize("outputs", [slice(0, 2), slice(0, 1), slice(1, 2)], ids=["both", "error", "penalty"])
def test_gradients_match_finite_differences(monkeypatch, stacked, outputs):
    monkeypatch.setattr("visae.sae._fused_relu._PIECE", 8)
    z, parameters = arguments(stacked, 5)
    assert torch.autograd.gradcheck(lambda *parameters: fused_relu(z, *parameters)[outputs], parameters)


def test_rows_get_no_gradient():
    z, parameters = arguments(False)
    fused_relu(z.requires_grad_(), *parameters)[0].backward()
    assert z.grad is None


@in_pieces
def test_features_that_never_fire_get_no_gradient():
    z, parameters = arguments(False)
    with torch.no_grad():
        parameters[1][2] = -1000
    error, penalty, fired = fused_relu(z, *parameters)
    (error + penalty).backward()
    assert not fired[2]
    encoder, shift, decoder, _, weight = parameters
    for parameter in (encoder, shift, decoder, weight):
        assert not parameter.grad[2].any()
        assert parameter.grad[fired].any()


@in_pieces
def test_a_relu_sae_trains_alike_with_autograd(monkeypatch):
    """With the whole loss, which contains the shift and the decoder's norms."""

    def gradients():
        sae = random_sae(ReLU(width=8, l1=0.75))
        sum(sae.losses(standardised(sae)).terms.values()).backward()
        return {name: parameter.grad for name, parameter in sae.named_parameters()}

    by_hand = gradients()
    monkeypatch.setattr("visae.sae._relu.fused_relu", _unfused)
    for name, expected in gradients().items():
        torch.testing.assert_close(by_hand[name], expected, rtol=1e-5, atol=1e-6)
