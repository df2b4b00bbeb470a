import numpy as np
import pytest
import torch

from visae.sae import ReLU, TopK

RECIPES = [TopK(width=12, k=3), ReLU(width=9)]


def filled(recipe, dim=5, seed=0):
    """An SAE none of whose parameters is zero or one."""
    source = torch.Generator().manual_seed(seed)
    sae = recipe.build(dim, source)
    with torch.no_grad():
        sae.encoder += 0.1 * torch.randn(sae.encoder.shape, generator=source)
        sae.encoder_bias.normal_(0, 0.2, generator=source)
        sae.bias.normal_(0, 0.3, generator=source)
    sae.fit_units(torch.randn(dim, generator=source) + 2, torch.rand(dim, generator=source) + 7)
    return sae.requires_grad_(False)


def rows(count=64, dim=5, seed=1):
    return 2 + 3 * torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def exact(tensor):
    return tensor.detach().double().numpy()


def pre_activations(sae, x):
    """As the docstrings define them, in NumPy and float64."""
    z = (exact(x) - exact(sae.centre)) / exact(sae.scale)
    return (z - exact(sae.bias)) @ exact(sae.encoder).T + exact(sae.encoder_bias)


def features(sae, x):
    f = np.maximum(pre_activations(sae, x), 0)
    if isinstance(sae.recipe, ReLU):
        return f
    weakest_kept = np.sort(f, 1)[:, -sae.recipe.k, None]
    return np.where(f >= weakest_kept, f, 0)


def decoded(sae, f):
    return (f @ exact(sae.decoder) + exact(sae.bias)) * exact(sae.scale) + exact(sae.centre)


@pytest.mark.parametrize("recipe", RECIPES)
def test_raw_rows_in_and_raw_rows_out(recipe):
    sae, x = filled(recipe), rows()
    f = sae.encode(x)
    assert f.shape == (64, recipe.width)
    np.testing.assert_allclose(f, features(sae, x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sae.decode(f), decoded(sae, exact(f)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_maps_are_rows_at_every_position(recipe, layout):
    sae = filled(recipe)
    maps = rows(2 * 3 * 4).view(2, 3, 4, 5).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    f = sae.encode(maps)
    back = sae.decode(f)
    assert f.shape == (2, recipe.width, 3, 4)
    assert back.shape == maps.shape
    for image in range(2):
        for y in range(3):
            for x in range(4):
                of_row = sae.encode(maps[image, :, y, x][None])
                torch.testing.assert_close(f[image, :, y, x][None], of_row, rtol=1e-5, atol=1e-5)
                torch.testing.assert_close(back[image, :, y, x][None], sae.decode(of_row), rtol=1e-5, atol=1e-5)


def test_units_fit_the_data():
    x = rows(1000) * torch.tensor([1.0, 2.0, 3.0, 0.0, 10.0]) + 50
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_units(x.double().mean(0), x.double().var(0, correction=0))
    z = exact(sae.standardise(x))
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    assert np.square(z).sum(1).mean() == pytest.approx(5, rel=1e-4)
    assert sae.scale.dtype == sae.centre.dtype == torch.float32


def test_units_of_rows_that_do_not_vary_are_finite():
    sae = TopK(width=4, k=1).build(5, torch.Generator())
    sae.fit_units(torch.full((5,), 3.0), torch.zeros(5))
    assert torch.equal(sae.standardise(torch.full((2, 5), 3.0)), torch.zeros(2, 5))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_direction_is_what_one_unit_of_a_feature_adds(recipe):
    sae, f = filled(recipe), torch.rand(1, recipe.width)
    for feature in range(recipe.width):
        more = f.clone()
        more[0, feature] += 1
        added = sae.decode(more) - sae.decode(f)
        torch.testing.assert_close(added[0], sae.directions[feature], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("recipe", RECIPES)
def test_idle_rows_are_counted_batch_by_batch(recipe):
    """A feature that fires in a batch has not been idle; one that does not has been, for all its rows."""
    sae, expected = filled(recipe), np.zeros(recipe.width, dtype=int)
    source = np.random.default_rng(0)
    for _ in range(20):
        fired = source.random((int(source.integers(1, 9)), recipe.width)) < 0.1
        sae.count_idle(torch.from_numpy(fired * source.random(fired.shape).astype(np.float32)))
        for feature in range(recipe.width):
            expected[feature] = 0 if fired[:, feature].any() else expected[feature] + len(fired)
    assert expected.max() > 10
    assert sae.idle.tolist() == expected.tolist()


@pytest.mark.parametrize("recipe", RECIPES)
def test_training_counts_idle_rows_and_using_does_not(recipe):
    sae = filled(recipe)
    sae.encode(rows())
    assert sae.idle.tolist() == [0] * recipe.width
    with torch.no_grad():
        sae.encoder_bias[0] = -100.0
    for _ in range(3):
        sae.losses(sae.standardise(rows(10)))
    assert sae.idle[0] == 30
    assert sae.idle.min() == 0


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_fresh_sae_depends_on_its_generator_alone(recipe):
    one, same, other = (recipe.build(5, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.decoder, same.decoder)
    assert not torch.equal(one.decoder, other.decoder)
    assert torch.equal(one.encoder, one.decoder)
    norms = one.decoder.norm(dim=1)
    torch.testing.assert_close(norms, norms[:1].expand_as(norms))
    assert norms[0].item() == pytest.approx(1.0 if isinstance(recipe, TopK) else 0.1)
