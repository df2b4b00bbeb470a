"""What the base class gives every kind."""

import numpy as np
import pytest
import torch
from slow_saes import decoder, features, tensors
from small_saes import CONFIGS, TRAINABLE, kind, random_sae, rows, standardised

from visae.sae import Gated, JumpReLU, Matryoshka, ReLU, TopK

every_kind = pytest.mark.parametrize("config", CONFIGS, ids=kind)


@every_kind
def test_raw_rows_are_encoded_and_decoded_as_by_the_reference(config):
    sae, x = random_sae(config), rows()
    p = tensors(sae)
    expected = features(config, p, (x.numpy() - p["centre"]) / p["scale"])
    np.testing.assert_allclose(sae.encode(x).detach(), expected, rtol=1e-9, atol=1e-12)
    assert expected.shape == (40, sae.width)
    assert 0 < np.count_nonzero(expected) < expected.size or config.kind == "relu"
    reconstruction = (expected @ decoder(config, p) + p["bias"]) * p["scale"] + p["centre"]
    np.testing.assert_allclose(sae.decode(torch.from_numpy(expected)).detach(), reconstruction, rtol=1e-9)


@pytest.mark.parametrize("config", [config for config in TRAINABLE if config.kind != "block"], ids=kind)
def test_features_are_never_negative(config):
    f = random_sae(config).encode(torch.cat([rows(), -rows()]))
    assert f.min() == 0 < f.max()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(2, 3, 4), (1, 3, 2), (3, 1, 1)])
def test_maps_of_any_layout_are_rows_at_every_position(layout, size):
    sae, (b, h, w) = random_sae(ReLU(width=8), 5, dtype=torch.float32), size
    maps = rows(b * h * w, 5, dtype=torch.float32).view(b, h, w, 5).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    f = sae.encode(maps)
    reconstruction = sae.decode(f)
    assert f.shape == (b, sae.width, h, w)
    assert reconstruction.shape == maps.shape
    for image, y, x in np.ndindex(size):
        at_position = sae.encode(maps[image, :, y, x][None])
        torch.testing.assert_close(f[image, :, y, x][None], at_position, rtol=1e-5, atol=1e-5)
        decoded = sae.decode(at_position)
        torch.testing.assert_close(reconstruction[image, :, y, x][None], decoded, rtol=1e-5, atol=1e-5)


def test_the_scale_centres_rows_and_makes_their_mean_squared_norm_d():
    x = rows(1000, 5) * torch.tensor([1.0, 2.0, 3.0, 0.0, 10.0]) + 50
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_scale(x.mean(0), x.var(0, correction=0))
    z = sae.standardise(x.float()).double().numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    assert np.square(z).sum(1).mean() == pytest.approx(5, rel=1e-4)
    assert sae.scale.dtype == sae.centre.dtype == torch.float32


def test_constant_rows_have_a_finite_scale():
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_scale(torch.full((5,), 3.0), torch.zeros(5))
    assert torch.equal(sae.standardise(torch.full((2, 5), 3.0)), torch.zeros(2, 5))


def test_rows_since_fired_restart_at_zero_when_a_feature_fires():
    sae, expected, source = random_sae(ReLU(width=8)), np.zeros(8, dtype=int), np.random.default_rng(0)
    for _ in range(20):
        fired = source.random((int(source.integers(1, 9)), 8)) < 0.1
        sae.count_rows_since_fired(torch.from_numpy(fired.any(0)), len(fired))
        for feature in range(8):
            expected[feature] = 0 if fired[:, feature].any() else expected[feature] + len(fired)
    assert expected.max() > 10
    assert sae.rows_since_fired.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "config", [config for config in TRAINABLE if config.kind not in ("block", "archetypal")], ids=kind
)
def test_the_encoder_starts_as_the_decoder(config):
    sae = config.build(5, torch.Generator())
    assert torch.equal(sae.encoder, sae.decoder)
    assert sae.encoder.data_ptr() != sae.decoder.data_ptr()
    norms = sae.decoder.norm(dim=1)
    torch.testing.assert_close(norms, norms[:1].expand_as(norms))
    if config.kind != "relu":
        assert norms[0].item() == pytest.approx(1)


@pytest.mark.parametrize(
    "config", [Gated(width=8), TopK(width=8, k=2), JumpReLU(width=8), Matryoshka(width=8, k=2, levels=2)], ids=kind
)
def test_unit_norm_decoders_stay_on_the_sphere_in_training(config):
    sae = config.build(3, torch.Generator()).double()
    sae.after_step()
    optimiser = torch.optim.Adam(sae.parameters(), lr=0.1)
    for step in range(10):
        optimiser.zero_grad()
        sum(sae.losses(standardised(sae, seed=step)).terms.values()).backward()
        sae.before_step()
        along = (sae.decoder.grad * sae.decoder).sum(1)
        torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-9)
        optimiser.step()
        sae.after_step()
        torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(8, dtype=torch.float64), rtol=1e-12, atol=0)
