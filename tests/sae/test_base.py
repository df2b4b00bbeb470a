import numpy as np
import pytest
import torch
from slow_saes import decoder, features, tensors
from small_saes import CONFIGS, TRAINABLE, filled, kind, rows, standardised

from visae.sae import Gated, JumpReLU, Matryoshka, ReLU, TopK

every = pytest.mark.parametrize("config", CONFIGS, ids=kind)


def decoded(sae, f):
    p = tensors(sae)
    return (f @ decoder(sae.config, p) + p["bias"]) * p["scale"] + p["centre"]


@every
def test_raw_rows_in_and_raw_rows_out(config):
    sae, x = filled(config), rows()
    f = sae.encode(x)
    p = tensors(sae)
    expected = features(config, p, (x.numpy() - p["centre"]) / p["scale"])
    assert f.shape == (40, sae.width)
    np.testing.assert_allclose(f.detach(), expected, rtol=1e-9, atol=1e-12)
    assert 0 < np.count_nonzero(expected) < expected.size or config.kind == "relu"
    np.testing.assert_allclose(sae.decode(f).detach(), decoded(sae, expected), rtol=1e-9)


@pytest.mark.parametrize("config", [config for config in TRAINABLE if config.kind != "block"], ids=kind)
def test_features_are_never_negative(config):
    f = filled(config).encode(torch.cat([rows(), -rows()]))
    assert f.min() == 0 < f.max()


@every
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(2, 3, 4), (1, 3, 2), (3, 1, 1)])
def test_maps_are_rows_at_every_position(config, layout, size):
    sae, (b, h, w) = filled(config, 5, dtype=torch.float32), size
    maps = rows(b * h * w, 5, dtype=torch.float32).view(b, h, w, 5).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    f = sae.encode(maps)
    back = sae.decode(f)
    assert f.shape == (b, sae.width, h, w)
    assert back.shape == maps.shape
    for image, y, x in np.ndindex(size):
        of_row = sae.encode(maps[image, :, y, x][None])
        torch.testing.assert_close(f[image, :, y, x][None], of_row, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(back[image, :, y, x][None], sae.decode(of_row), rtol=1e-5, atol=1e-5)


def test_units_fit_the_data():
    x = rows(1000, 5) * torch.tensor([1.0, 2.0, 3.0, 0.0, 10.0]) + 50
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_scale(x.mean(0), x.var(0, correction=0))
    z = sae.standardise(x.float()).double().numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    assert np.square(z).sum(1).mean() == pytest.approx(5, rel=1e-4)
    assert sae.scale.dtype == sae.centre.dtype == torch.float32


def test_units_of_rows_that_do_not_vary_are_finite():
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_scale(torch.full((5,), 3.0), torch.zeros(5))
    assert torch.equal(sae.standardise(torch.full((2, 5), 3.0)), torch.zeros(2, 5))


@every
def test_a_direction_is_what_one_unit_of_a_feature_adds(config):
    sae = filled(config)
    f = torch.rand(1, sae.width, dtype=torch.float64)
    for feature in range(sae.width):
        more = f.clone()
        more[0, feature] += 1
        added = sae.decode(more) - sae.decode(f)
        torch.testing.assert_close(added[0], sae.directions[feature], rtol=1e-9, atol=1e-9)
    assert not sae.directions.requires_grad


def test_idle_rows_are_counted_batch_by_batch():
    """A feature that fires in a batch has not been rows_since_fired; one that does not has been, for all its rows."""
    sae, expected, source = filled(ReLU(width=8)), np.zeros(8, dtype=int), np.random.default_rng(0)
    for _ in range(20):
        fired = source.random((int(source.integers(1, 9)), 8)) < 0.1
        sae.count_rows_since_fired(torch.from_numpy(fired.any(0)), len(fired))
        for feature in range(8):
            expected[feature] = 0 if fired[:, feature].any() else expected[feature] + len(fired)
    assert expected.max() > 10
    assert sae.rows_since_fired.tolist() == expected.tolist()


@every
def test_a_fresh_sae_depends_on_its_generator_alone(config):
    one, same, other = (config.build(5, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    drawn = "encoder" if config.kind == "archetypal" else "decoder"
    assert not torch.equal(one.get_parameter(drawn), other.get_parameter(drawn))


@pytest.mark.parametrize("config", [r for r in TRAINABLE if r.kind not in ("block", "archetypal")], ids=kind)
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
def test_rows_of_the_decoder_stay_on_the_unit_sphere(config):
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
