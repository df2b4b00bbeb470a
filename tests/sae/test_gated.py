import pytest
import torch
from contract import check_contract
from small_saes import check_against_reference, gradients, random_sae, standardised

from visae._support.errors import VisaeError
from visae.sae import Gated


def test_contract(tmp_path):
    check_contract(Gated(width=8, l1=0.75), tmp_path)


@pytest.mark.parametrize(("width", "l1"), [(1, 2.0), (2, 0.25), (8, 0.25), (8, 2.0)])
def test_features_losses_and_gradients_match_the_reference(width, l1):
    sae = random_sae(Gated(width=width, l1=l1))
    check_against_reference(sae, standardised(sae))


@pytest.mark.parametrize("l1", [0.5, 1.0, 1.5])
def test_a_binary_feature_does_not_shrink(l1):
    """A ReLU SAE with an L1 penalty of 1 reconstructs 1/2 on this toy; here the penalty is on the gate alone."""
    sae = Gated(width=1, l1=l1).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(0.5)
        sae.decoder.fill_(1)
    sae.bias.requires_grad_(False)
    x = torch.tensor([[0.0], [1.0]])
    optimiser = torch.optim.SGD([p for p in sae.parameters() if p.requires_grad], lr=0.3)
    for _ in range(100):
        optimiser.zero_grad()
        sum(sae.losses(x).terms.values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
    at_zero, at_one = sae.decode(sae.encode(x)).detach().flatten().tolist()
    assert at_zero == pytest.approx(0, abs=1e-3)
    assert at_one == pytest.approx(1, abs=1e-3)


def test_gate_and_magnitude_start_equal():
    sae = Gated(width=8).build(3, torch.Generator())
    z = standardised(sae)
    torch.testing.assert_close(sae.features(z), sae.preactivate(z).relu())


def test_the_gate_decides_whether_and_the_magnitude_how_strongly():
    sae = random_sae(Gated(width=8))
    z = standardised(sae)
    f = sae.features(z).detach()
    with torch.no_grad():
        sae.r_mag += 1
        sae.magnitude_bias.fill_(3)
    stronger = sae.features(z).detach()
    is_closed = sae.preactivate(z) <= 0
    assert bool(is_closed.any())
    assert bool((stronger[~is_closed] > f[~is_closed]).any())
    assert not stronger[is_closed].any()
    with torch.no_grad():
        sae.encoder_bias.fill_(-100)
    assert not sae.features(z).any()


def test_r_mag_scales_the_shared_encoder_before_the_bias():
    """Equation 7: the slope of the magnitude is exp(r_mag) times that of the gate."""
    sae = random_sae(Gated(width=1), dim=1)
    with torch.no_grad():
        sae.encoder_bias.fill_(50)
        sae.magnitude_bias.fill_(50)
    at_one, at_two = sae.features(torch.tensor([[1.0], [2.0]], dtype=torch.float64)).detach().flatten()
    assert (at_two - at_one).item() == pytest.approx((sae.r_mag.exp() * sae.encoder).item(), rel=1e-9)


def test_the_auxiliary_term_depends_on_the_decoder_but_does_not_train_it():
    sae = random_sae(Gated(width=8))
    z = standardised(sae)
    before = sae.losses(z).terms["aux"].item()
    assert gradients(sae, z, "aux")["decoder"] is None
    with torch.no_grad():
        sae.decoder.mul_(1.5)
    assert sae.losses(z).terms["aux"].item() != pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l1": 2.0}, "width is 0 and l1 is 2"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"l1": float("nan")}, "l1 is nan"),
        ({"l1": float("inf")}, "l1 is inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        Gated(**settings)


def test_an_integer_penalty_is_the_same_as_a_float():
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    integer, real = (Gated(width=4, l1=value).build(3, torch.Generator().manual_seed(0)) for value in (2, 2.0))
    for name, value in integer.losses(z).terms.items():
        torch.testing.assert_close(value, real.losses(z).terms[name])
