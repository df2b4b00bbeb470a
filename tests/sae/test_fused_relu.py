import pytest
import torch
from small_saes import filled, standardised

from visae.sae import ReLU
from visae.sae._fused_relu import _unfused, fused_relu


@pytest.fixture(params=[1, 8, 21, 1 << 21], autouse=True)
def piece(request, monkeypatch):
    """Pieces of one row, of one, of a few with a rest, and of all."""
    monkeypatch.setattr("visae.sae._fused_relu._PIECE", request.param)


def arguments(stacked, n=7):
    """Rows [n, 3], and the parameters of an SAE, or three, of 4 features."""
    source = torch.Generator().manual_seed(0)
    front = (3,) if stacked else ()
    sizes = [(*front, 4, 3), (*front, 4), (*front, 4, 3), (*front, 3), (*front, 4)]
    made = [torch.randn(size, generator=source, dtype=torch.float64).requires_grad_() for size in sizes]
    return torch.randn(n, 3, generator=source, dtype=torch.float64), made


both = pytest.mark.parametrize("stacked", [False, True])


@both
@pytest.mark.parametrize("n", [1, 7])
def test_values_and_what_fires_are_those_of_the_plain_form(stacked, n):
    z, own = arguments(stacked, n)
    *found, fired = fused_relu(z, *own)
    *expected, fired_plainly = _unfused(z, *own)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.double(), rtol=1e-6, atol=1e-9)
    assert torch.equal(fired, fired_plainly)
    assert not fired.requires_grad
    assert fired.any()


@both
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (-0.5, 3.0)])
def test_gradients_are_those_of_the_plain_form(stacked, weights):
    z, own = arguments(stacked)
    upstream = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64) if stacked else torch.tensor(2.0).double()

    def slopes(function):
        error, penalty, _ = function(z, *own)
        loss = (upstream * (weights[0] * error + weights[1] * penalty.square())).sum()
        return torch.autograd.grad(loss, own, allow_unused=True, materialize_grads=True)

    for found, expected in zip(slopes(fused_relu), slopes(_unfused), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        assert found.shape == expected.shape


@both
def test_gradients_are_the_slopes(stacked):
    z, own = arguments(stacked)
    assert torch.autograd.gradcheck(lambda *own: fused_relu(z, *own)[:2], own)


@both
@pytest.mark.parametrize("output", [0, 1])
def test_one_output_alone_can_be_trained(stacked, output):
    z, own = arguments(stacked)
    assert torch.autograd.gradcheck(lambda *own: fused_relu(z, *own)[output], own)


def test_no_gradient_is_asked_of_the_rows():
    z, own = arguments(False)
    fused_relu(z.requires_grad_(), *own)[0].backward()
    assert z.grad is None


def test_features_that_never_fire_get_nothing():
    z, own = arguments(False)
    with torch.no_grad():
        own[1][2] = -1000
    error, penalty, fired = fused_relu(z, *own)
    (error + penalty).backward()
    assert not fired[2]
    for parameter in (own[0], own[1], own[2], own[4]):
        assert not parameter.grad[2].any()
        assert parameter.grad[fired].any()


def test_a_relu_sae_trains_alike_by_hand_and_by_autograd(monkeypatch):
    """The whole of the loss, with the shift and the decoder's norms in it."""

    def slopes():
        sae = filled(ReLU(width=8, l1=0.75))
        sum(sae.losses(standardised(sae)).terms.values()).backward()
        return {name: parameter.grad for name, parameter in sae.named_parameters()}

    by_hand = slopes()
    monkeypatch.setattr("visae.sae._relu.fused_relu", _unfused)
    for name, expected in slopes().items():
        torch.testing.assert_close(by_hand[name], expected, rtol=1e-5, atol=1e-6)
