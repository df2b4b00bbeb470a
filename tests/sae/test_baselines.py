from dataclasses import replace

import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import keep_largest
from small_saes import BASELINES, kind, random_sae, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import ICA, PCA, Neurons, RandomDirections

every_baseline = pytest.mark.parametrize("config", BASELINES, ids=kind)


@every_baseline
def test_contract(config, tmp_path):
    check_contract(config, tmp_path)


def fitted(config, x, seed=0, dtype=torch.float32):
    """Fit a baseline as training does."""
    sae = config.build(x.shape[1], torch.Generator().manual_seed(seed)).to(dtype)
    x = x.to(dtype)
    sae.fit_scale(x.mean(0), x.var(0, correction=0))
    sae.initialise(sae.standardise(x))
    return sae


def mixed_sources(count=2000, dim=5, seed=3):
    """Draw three skewed sources and two symmetric ones; return them, and their mixtures as rows."""
    generator = torch.Generator().manual_seed(seed)
    skewed = -torch.rand(count, 3, generator=generator, dtype=torch.float64).log()
    symmetric = torch.rand(count, dim - 3, generator=generator, dtype=torch.float64)
    sources = torch.cat([skewed, symmetric], 1)
    return sources, sources @ torch.randn(dim, dim, generator=generator, dtype=torch.float64) + 3


def unexplained_share(sae, x):
    residual = x - sae.decode(sae.encode(x))
    return (residual.square().sum() / (x - x.mean(0)).square().sum()).item()


@every_baseline
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_k_largest_magnitudes_keep_their_sign(config, k):
    sae, whole = random_sae(replace(config, k=k)), random_sae(replace(config, k=0))
    x = rows() - rows().mean(0)
    for f, all_features in zip(sae.encode(x), whole.encode(x).numpy(), strict=True):
        np.testing.assert_allclose(f, keep_largest(abs(all_features), k) * np.sign(all_features), rtol=1e-12)
    assert bool((sae.encode(x) < 0).any())


@every_baseline
def test_a_k_of_zero_or_at_least_the_width_keeps_all_features(config):
    x = rows()
    all_features = random_sae(replace(config, k=0)).encode(x)
    assert bool((all_features != 0).all())
    for k in (all_features.shape[1], 100):
        assert torch.equal(random_sae(replace(config, k=k)).encode(x), all_features)


@every_baseline
def test_the_only_term_is_the_error_per_dimension(config):
    sae = random_sae(config)
    z = sae.standardise(rows())
    residual = (z - sae.reconstruct(sae.features(z))).numpy()
    terms, fired = sae.losses(z)
    assert list(terms) == ["error"]
    assert terms["error"].item() == pytest.approx(sum(row @ row for row in residual) / 40 / 3)
    assert torch.equal(fired, (sae.features(z) != 0).any(0))


@every_baseline
def test_nothing_is_trained(config):
    sae = random_sae(config)
    assert not any(parameter.requires_grad for parameter in sae.parameters())
    assert not sae.losses(standardised(sae)).terms["error"].requires_grad


@pytest.mark.parametrize("width", [1, 2, 4, 5])
def test_principal_components_explain_the_share_of_the_largest_singular_values(width):
    _, x = mixed_sources()
    sae = fitted(PCA(width=width), x, dtype=torch.float64)
    values = np.linalg.svd((x - x.mean(0)).numpy(), compute_uv=False) ** 2
    assert unexplained_share(sae, x) == pytest.approx(values[width:].sum() / values.sum(), rel=1e-6, abs=1e-12)
    assert 0.01 < values[1:].sum() / values.sum() < 0.99


def test_principal_components_are_orthonormal_by_variance_with_a_positive_skew():
    _, x = mixed_sources()
    sae = fitted(PCA(), x, dtype=torch.float64)
    torch.testing.assert_close(sae.decoder @ sae.decoder.T, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-9)
    right_vectors = np.linalg.svd((x - x.mean(0)).numpy())[2]
    np.testing.assert_allclose(np.abs((right_vectors * sae.decoder.numpy()).sum(1)), 1, rtol=1e-9)
    f = sae.encode(x)
    assert bool((f.var(0).diff() < 0).all())
    torch.testing.assert_close(f.mean(0), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-9)
    assert bool(((f - f.mean(0)).pow(3).mean(0) >= 0).all()), "the long tail is above zero"


def test_principal_components_of_a_sample_use_its_own_mean():
    """Centre and scale come from all rows, the components from a sample with another mean."""
    _, x = mixed_sources()
    sae = PCA(width=2).build(5, torch.Generator()).double()
    sae.fit_scale(torch.full((5,), 30.0, dtype=torch.float64), torch.full((5,), 4.0, dtype=torch.float64))
    sae.initialise(sae.standardise(x))
    expected = unexplained_share(fitted(PCA(width=2), x, dtype=torch.float64), x)
    assert unexplained_share(sae, x) == pytest.approx(expected)


def test_independent_components_are_the_sources():
    sources, x = mixed_sources(8000)
    f = fitted(ICA(), x).encode(x.float()).double()
    correlations = np.corrcoef(f.T.numpy(), sources.T.numpy())[:5, 5:]
    assert sorted(np.abs(correlations).argmax(0)) == [0, 1, 2, 3, 4]
    assert np.abs(correlations).max(0).min() > 0.97
    skewed = np.abs(correlations[:, :3]).argmax(0)
    assert correlations[skewed, range(3)].min() > 0.97, "skewed sources keep their sign"


def test_all_independent_components_reconstruct_the_row():
    _, x = mixed_sources()
    sae = fitted(ICA(), x)
    torch.testing.assert_close(sae.decode(sae.encode(x.float())), x.float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sae.encode(x.float()).var(0), torch.ones(5), rtol=1e-2, atol=0)


def test_an_ica_depends_on_its_generator_and_rows_alone():
    _, x = mixed_sources(300)
    sae, again, other_seed = (fitted(ICA(), x, seed) for seed in (0, 0, 1))
    assert torch.equal(sae.encoder, again.encoder)
    assert not torch.equal(sae.encoder, other_seed.encoder)


def test_fewer_independent_components_span_the_principal_ones():
    _, x = mixed_sources()
    ica, pca = (fitted(config, x, dtype=torch.float64) for config in (ICA(width=2), PCA(width=2)))
    assert unexplained_share(ica, x) == pytest.approx(unexplained_share(pca, x), rel=1e-6)


def test_ica_refuses_rows_that_span_fewer_dimensions():
    _, x = mixed_sources()
    with pytest.raises(VisaeError, match=r"5 independent components .* only span 2"):
        fitted(ICA(), x[:, :2] @ torch.ones(2, 5, dtype=torch.float64).tril(1), dtype=torch.float64)


@pytest.mark.parametrize(("width", "k"), [(2, 0), (5, 2), (40, 3), (0, 0)])
def test_random_directions_have_the_gain_of_least_squares(width, k):
    _, x = mixed_sources()
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
    assert torch.equal((f != 0).sum(1), (x > 0).sum(1)), "L0 is the number of active neurons"
    assert 0 < (x > 0).sum() < x.numel()
    torch.testing.assert_close(sae.decode(f), x)


def test_k_neurons_are_the_strongest():
    x = rows(50, 4, dtype=torch.float32)
    sae = fitted(Neurons(k=2), x)
    expected = torch.stack([torch.from_numpy(keep_largest(row, 2)) for row in x.numpy()]).float()
    torch.testing.assert_close(sae.decode(sae.encode(x)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PCA(width=-1, k=0), "width is -1 and k is 0"),
        (lambda: ICA(width=0, k=-2), "width is 0 and k is -2"),
        (lambda: PCA(width=6).build(5, torch.Generator()), "the width is 6, rows have 5 dimensions"),
        (lambda: ICA(width=6).build(5, torch.Generator()), "the width is 6, rows have 5 dimensions"),
        (lambda: Neurons(width=4).build(5, torch.Generator()), "the width is 4, the layer has 5 neurons"),
    ],
)
def test_settings_out_of_range_are_refused(build, message):
    with pytest.raises(VisaeError, match=message):
        build()
