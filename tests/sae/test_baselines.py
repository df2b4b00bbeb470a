from dataclasses import replace

import numpy as np
import pytest
import torch
from slow_saes import largest
from small_saes import BASELINES, filled, kind, rows

from visae._support.errors import VisaeError
from visae.sae import ICA, PCA, Neurons, RandomDirections

every = pytest.mark.parametrize("config", BASELINES, ids=kind)


def fitted(config, x, seed=0, dtype=torch.float32):
    """A baseline fitted as training fits it."""
    sae = config.build(x.shape[1], torch.Generator().manual_seed(seed)).to(dtype)
    x = x.to(dtype)
    sae.fit_scale(x.mean(0), x.var(0, correction=0))
    sae.initialise(sae.standardise(x))
    return sae


def mixed(count=2000, dim=5, seed=3):
    """Rows of three skew sources and two that are not, mixed."""
    source = torch.Generator().manual_seed(seed)
    skew = -torch.rand(count, 3, generator=source, dtype=torch.float64).log()
    flat = torch.rand(count, dim - 3, generator=source, dtype=torch.float64)
    sources = torch.cat([skew, flat], 1)
    return sources, sources @ torch.randn(dim, dim, generator=source, dtype=torch.float64) + 3


def unexplained(sae, x):
    left = x - sae.decode(sae.encode(x))
    return (left.square().sum() / (x - x.mean(0)).square().sum()).item()


@every
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_largest_magnitudes_are_kept_with_their_sign(config, k):
    sae, whole = filled(replace(config, k=k)), filled(replace(config, k=0))
    x = rows() - rows().mean(0)
    for f, everything in zip(sae.encode(x), whole.encode(x).numpy(), strict=True):
        np.testing.assert_allclose(f, largest(abs(everything), k) * np.sign(everything), rtol=1e-12)
    assert bool((sae.encode(x) < 0).any())


@every
def test_a_k_of_zero_or_of_the_width_leaves_nothing_out(config):
    x = rows()
    everything = filled(replace(config, k=0)).encode(x)
    assert bool((everything != 0).all())
    for k in (everything.shape[1], 100):
        assert torch.equal(filled(replace(config, k=k)).encode(x), everything)


@every
def test_the_error_is_per_dimension(config):
    sae = filled(config)
    z = sae.standardise(rows())
    left = (z - sae.reconstruct(sae.features(z))).numpy()
    assert sae.losses(z).terms["error"].item() == pytest.approx(sum(row @ row for row in left) / 40 / 3)


@pytest.mark.parametrize("width", [1, 2, 4, 5])
def test_principal_components_explain_the_share_of_the_largest_singular_values(width):
    _, x = mixed()
    sae = fitted(PCA(width=width), x, dtype=torch.float64)
    values = np.linalg.svd((x - x.mean(0)).numpy(), compute_uv=False) ** 2
    assert unexplained(sae, x) == pytest.approx(values[width:].sum() / values.sum(), rel=1e-6, abs=1e-12)
    assert 0.01 < values[1:].sum() / values.sum() < 0.99


def test_principal_components_are_orthonormal_the_largest_first_and_turned():
    _, x = mixed()
    sae = fitted(PCA(), x, dtype=torch.float64)
    torch.testing.assert_close(sae.decoder @ sae.decoder.T, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-9)
    right = np.linalg.svd((x - x.mean(0)).numpy())[2]
    np.testing.assert_allclose(np.abs((right * sae.decoder.numpy()).sum(1)), 1, rtol=1e-9)
    f = sae.encode(x)
    assert bool((f.var(0).diff() < 0).all())
    torch.testing.assert_close(f.mean(0), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-9)
    assert bool(((f - f.mean(0)).pow(3).mean(0) >= 0).all()), "the long tail is above zero"


def test_principal_components_of_rows_with_another_mean_than_the_whole_data():
    """Centre and scale are of all the data, and the sample has a mean of its own."""
    _, x = mixed()
    sae = PCA(width=2).build(5, torch.Generator()).double()
    sae.fit_scale(torch.full((5,), 30.0, dtype=torch.float64), torch.full((5,), 4.0, dtype=torch.float64))
    sae.initialise(sae.standardise(x))
    assert unexplained(sae, x) == pytest.approx(unexplained(fitted(PCA(width=2), x, dtype=torch.float64), x))


def test_independent_components_are_the_sources():
    sources, x = mixed(8000)
    f = fitted(ICA(), x).encode(x.float()).double()
    found = np.corrcoef(f.T.numpy(), sources.T.numpy())[:5, 5:]
    assert sorted(np.abs(found).argmax(0)) == [0, 1, 2, 3, 4]
    assert np.abs(found).max(0).min() > 0.97
    assert found[np.abs(found[:, :3]).argmax(0), range(3)].min() > 0.97, "skew sources with their own sign"


def test_all_independent_components_together_are_the_row():
    _, x = mixed()
    sae = fitted(ICA(), x)
    torch.testing.assert_close(sae.decode(sae.encode(x.float())), x.float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sae.encode(x.float()).var(0), torch.ones(5), rtol=1e-2, atol=0)


def test_an_ica_depends_on_the_generator_and_the_rows_alone():
    _, x = mixed(300)
    one, same, other = (fitted(ICA(), x, seed) for seed in (0, 0, 1))
    assert torch.equal(one.encoder, same.encoder)
    assert not torch.equal(one.encoder, other.encoder)


def test_fewer_independent_components_span_the_principal_ones():
    _, x = mixed()
    assert unexplained(fitted(ICA(width=2), x, dtype=torch.float64), x) == pytest.approx(
        unexplained(fitted(PCA(width=2), x, dtype=torch.float64), x), rel=1e-6
    )


def test_rows_that_span_too_little_for_ica():
    _, x = mixed()
    with pytest.raises(VisaeError, match="5 independent components were asked for, the rows span 2 dimensions"):
        fitted(ICA(), x[:, :2] @ torch.ones(2, 5, dtype=torch.float64).tril(1), dtype=torch.float64)


@pytest.mark.parametrize(("width", "k"), [(2, 0), (5, 2), (40, 3), (0, 0)])
def test_random_directions_have_the_gain_of_least_squares(width, k):
    _, x = mixed()
    sae = fitted(RandomDirections(width=width, k=k), x, dtype=torch.float64)
    assert sae.width == (width or 5)
    norms = sae.encoder.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms), rtol=1e-6, atol=0)
    torch.testing.assert_close(sae.decoder / sae.decoder.norm(dim=1, keepdim=True), sae.encoder, rtol=1e-6, atol=1e-9)
    z = sae.standardise(x)

    def error(gain):
        return (z - gain * sae.reconstruct(sae.features(z))).square().sum().item()

    assert error(1) < min(error(0.99), error(1.01), error(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neurons_are_the_activations_themselves(dtype):
    x = torch.where(rows(50, 4) > 4, rows(50, 4) - 4, 0).to(dtype)
    sae = fitted(Neurons(), x, dtype=dtype)
    f = sae.encode(x)
    torch.testing.assert_close(f, x / sae.scale)
    assert torch.equal((f != 0).sum(1), (x > 0).sum(1)), "L0 is the number of neurons that are active"
    assert 0 < (x > 0).sum() < x.numel()
    torch.testing.assert_close(sae.decode(f), x)


def test_k_neurons_are_the_strongest():
    x = rows(50, 4, dtype=torch.float32)
    sae = fitted(Neurons(k=2), x)
    expected = torch.stack([torch.from_numpy(largest(row, 2)) for row in x.numpy()]).float()
    torch.testing.assert_close(sae.decode(sae.encode(x)), expected, rtol=1e-5, atol=1e-5)


REFUSED = [
    (lambda: PCA(width=-1, k=0), "width is -1 and k is 0; they must be 0"),
    (lambda: ICA(width=0, k=-2), "width is 0 and k is -2; they must be 0"),
    (lambda: PCA(width=6).build(5, torch.Generator()), "the width is 6, rows have 5 dimensions; it cannot be larger"),
    (lambda: ICA(width=6).build(5, torch.Generator()), "the width is 6, rows have 5 dimensions; it cannot be larger"),
    (lambda: Neurons(width=4).build(5, torch.Generator()), "the width is 4, the layer has 5 neurons; leave it out"),
]


@pytest.mark.parametrize(("made", "message"), REFUSED)
def test_recipes_that_make_no_sense(made, message):
    with pytest.raises(VisaeError, match=message):
        made()
