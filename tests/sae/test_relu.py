import pytest
import torch
import torch.nn.functional as F
from small_saes import as_the_reference_has_it, filled, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import ReLU


@pytest.mark.parametrize("l1", [0.25, 5.0])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_features_and_losses_are_as_the_update_of_april_2024_has_them(l1, width):
    sae = filled(ReLU(width=width, l1=l1))
    as_the_reference_has_it(sae, standardised(sae))


def test_without_a_penalty_the_error_alone_is_left():
    sae = filled(ReLU(width=8, l1=0.0))
    terms = sae.losses(standardised(sae)).terms
    assert terms["sparsity"].item() == 0
    assert terms["error"].item() > 0


@pytest.mark.parametrize("l1", [0.0, 0.5, 1.0, 1.5])
def test_one_feature_of_zero_or_one_shrinks_by_half_the_penalty(l1):
    """min over y of (1 - y)^2 + l1 y is at y = 1 - l1 / 2, whatever the decoder's norm: 1/2 for a penalty of 1."""
    sae = ReLU(width=1, l1=l1).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(0.5)
        sae.decoder.fill_(0.5)
    sae.bias.requires_grad_(False)
    x = torch.tensor([[0.0], [1.0]])
    optimiser = torch.optim.SGD([p for p in sae.parameters() if p.requires_grad], lr=0.3)
    for _ in range(400):
        optimiser.zero_grad()
        sum(sae.losses(x).terms.values()).backward()
        optimiser.step()
    silent, shrunk = sae.decode(sae.encode(x)).detach().flatten().tolist()
    assert silent == pytest.approx(0, abs=1e-3)
    assert shrunk == pytest.approx(1 - l1 / 2, abs=1e-3)


def test_the_penalty_cannot_be_evaded_by_larger_decoder_rows():
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
    sae = filled(ReLU(width=8))
    z = standardised(sae)
    f = sae.features(z)
    with torch.no_grad():
        sae.decoder.mul_(3)
    assert torch.equal(sae.features(z), f)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_encoding_maps_is_a_convolution_by_one(layout):
    sae = filled(ReLU(width=8), 5)
    maps = rows(24, 5).view(2, 3, 4, 5).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    z = (maps - sae.centre[:, None, None]) / sae.scale - sae.bias[:, None, None]
    f = F.conv2d(z, sae.encoder[..., None, None], sae.encoder_bias).relu()
    torch.testing.assert_close(sae.encode(maps), f, rtol=1e-9, atol=1e-12)
    back = F.conv2d(f, sae.decoder.T[..., None, None], sae.bias) * sae.scale + sae.centre[:, None, None]
    torch.testing.assert_close(sae.decode(f), back, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l1": 5.0}, "width is 0 and l1 is 5; they must be at least 1 and 0"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"l1": float("nan")}, "l1 is nan"),
        ({"l1": float("inf")}, "l1 is inf"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        ReLU(**settings)
