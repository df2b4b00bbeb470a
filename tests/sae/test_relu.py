import pytest
import torch
import torch.nn.functional as F
from contract import check_contract
from small_saes import check_against_reference, random_sae, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import ReLU


def test_contract(tmp_path):
    check_contract(ReLU(width=8, l1=0.75), tmp_path)


@pytest.mark.parametrize(("width", "l1"), [(1, 5.0), (2, 0.25), (8, 0.25), (8, 5.0)])
def test_features_losses_and_gradients_match_the_reference(width, l1):
    sae = random_sae(ReLU(width=width, l1=l1))
    check_against_reference(sae, standardised(sae))


def test_without_a_penalty_only_the_error_counts():
    sae = random_sae(ReLU(width=8, l1=0.0))
    terms = sae.losses(standardised(sae)).terms
    assert terms["sparsity"].item() == 0
    assert terms["error"].item() > 0


@pytest.mark.parametrize("l1", [0.0, 0.5, 1.0, 1.5])
def test_a_binary_feature_shrinks_by_half_the_penalty(l1):
    """min over y of (1 - y)^2 + l1 y is at y = 1 - l1 / 2, whatever the decoder's norm: 1/2 for a penalty of 1."""
    sae = ReLU(width=1, l1=l1).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(0.5)
        sae.decoder.fill_(0.5)
    sae.bias.requires_grad_(False)
    x = torch.tensor([[0.0], [1.0]])
    optimiser = torch.optim.SGD([p for p in sae.parameters() if p.requires_grad], lr=0.3)
    for _ in range(100):
        optimiser.zero_grad()
        sum(sae.losses(x).terms.values()).backward()
        optimiser.step()
    at_zero, at_one = sae.decode(sae.encode(x)).detach().flatten().tolist()
    assert at_zero == pytest.approx(0, abs=1e-3)
    assert at_one == pytest.approx(1 - l1 / 2, abs=1e-3)


def test_longer_decoder_rows_do_not_evade_the_penalty():
    sae = ReLU(width=5).build(3, torch.Generator().manual_seed(0))
    z = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    before = sae.losses(z).terms
    with torch.no_grad():
        sae.decoder *= 7
        sae.encoder /= 7
    after = sae.losses(z).terms
    for name, term in before.items():
        assert after[name].item() == pytest.approx(term.item(), rel=1e-5)


def test_the_encoder_is_not_tied_to_the_decoder():
    sae = random_sae(ReLU(width=8))
    z = standardised(sae)
    f = sae.features(z)
    with torch.no_grad():
        sae.decoder.mul_(3)
    assert torch.equal(sae.features(z), f)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_on_maps_it_is_a_1x1_convolution(layout):
    sae = random_sae(ReLU(width=8), 5)
    maps = rows(24, 5).view(2, 3, 4, 5).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    z = (maps - sae.centre[:, None, None]) / sae.scale - sae.bias[:, None, None]
    f = F.conv2d(z, sae.encoder[..., None, None], sae.encoder_bias).relu()
    torch.testing.assert_close(sae.encode(maps), f, rtol=1e-9, atol=1e-12)
    reconstruction = F.conv2d(f, sae.decoder.T[..., None, None], sae.bias) * sae.scale + sae.centre[:, None, None]
    torch.testing.assert_close(sae.decode(f), reconstruction, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l1": 5.0}, "width is 0 and l1 is 5"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"l1": float("nan")}, "l1 is nan"),
        ({"l1": float("inf")}, "l1 is inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        ReLU(**settings)


def test_at_the_start_the_silent_row_is_reconstructed_without_features():
    sae = ReLU(width=8).build(3, torch.Generator().manual_seed(0))
    sae.fit_scale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 4.0, 4.0]))
    sae.initialise(torch.zeros(5, 3))
    silent = torch.zeros(1, 3)
    assert not sae.encode(silent).any()
    torch.testing.assert_close(sae.decode(sae.encode(silent)), silent)
