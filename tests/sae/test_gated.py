import pytest
import torch
from small_saes import as_the_reference_has_it, filled, grads, standardised

from visae._support.errors import VisaeError
from visae.sae import Gated


@pytest.mark.parametrize("l1", [0.25, 2.0])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_features_and_losses_are_as_the_paper_has_them(l1, width):
    sae = filled(Gated(width=width, l1=l1))
    as_the_reference_has_it(sae, standardised(sae))


@pytest.mark.parametrize("l1", [0.5, 1.0, 1.5])
def test_one_feature_of_zero_or_one_does_not_shrink(l1):
    """The toy on which an L1 penalty of 1 makes a ReLU SAE answer 1/2: the penalty here is on the gate alone."""
    sae = Gated(width=1, l1=l1).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(0.5)
        sae.decoder.fill_(1)
    sae.bias.requires_grad_(False)
    x = torch.tensor([[0.0], [1.0]])
    optimiser = torch.optim.SGD([p for p in sae.parameters() if p.requires_grad], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        sum(sae.losses(x).terms.values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
    silent, whole = sae.decode(sae.encode(x)).detach().flatten().tolist()
    assert silent == pytest.approx(0, abs=1e-3)
    assert whole == pytest.approx(1, abs=1e-3)


def test_at_the_start_gate_and_magnitude_are_one():
    sae = Gated(width=8).build(3, torch.Generator())
    z = standardised(sae)
    torch.testing.assert_close(sae.features(z), sae.preactivate(z).relu())


def test_the_gate_says_whether_and_the_magnitude_how_much():
    sae = filled(Gated(width=8))
    z = standardised(sae)
    f = sae.features(z).detach()
    with torch.no_grad():
        sae.r_mag += 1
        sae.magnitude_bias.fill_(3)
    louder = sae.features(z).detach()
    closed = sae.preactivate(z) <= 0
    assert bool(closed.any())
    assert bool((louder[~closed] > f[~closed]).any())
    assert not louder[closed].any()
    with torch.no_grad():
        sae.encoder_bias.fill_(-100)
    assert not sae.features(z).any()


def test_r_mag_scales_the_shared_encoder_before_the_bias():
    """Equation 7: the slope of the magnitude is exp(r_mag) times that of the gate."""
    sae = filled(Gated(width=1), dim=1)
    with torch.no_grad():
        sae.encoder_bias.fill_(50)
        sae.magnitude_bias.fill_(50)
    one, two = sae.features(torch.tensor([[1.0], [2.0]], dtype=torch.float64)).detach().flatten()
    assert (two - one).item() == pytest.approx((sae.r_mag.exp() * sae.encoder).item(), rel=1e-9)


def test_the_auxiliary_reconstruction_would_train_the_decoder_if_it_were_not_frozen():
    """That decoder and bias get nothing from it is no accident: the term does depend on the decoder."""
    sae = filled(Gated(width=8))
    z = standardised(sae)
    before = sae.losses(z).terms["aux"].item()
    assert grads(sae, z, "aux")["decoder"] is None
    with torch.no_grad():
        sae.decoder.mul_(1.5)
    assert sae.losses(z).terms["aux"].item() != pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l1": 2.0}, "width is 0 and l1 is 2; they must be at least 1 and 0"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"l1": float("nan")}, "l1 is nan"),
        ({"l1": float("inf")}, "l1 is inf"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        Gated(**settings)


def test_a_whole_number_is_a_penalty_too():
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    whole, real = (Gated(width=4, l1=value).build(3, torch.Generator().manual_seed(0)) for value in (2, 2.0))
    for name, value in whole.losses(z).terms.items():
        torch.testing.assert_close(value, real.losses(z).terms[name])
