import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import decoder, tensors
from small_saes import AUX, check_against_reference, force_decoding, random_sae, rows, standardised, train_briefly

from visae._support.errors import VisaeError
from visae.sae import Archetypal

CONFIG = Archetypal(**AUX, centroids=5, delta=0.5)


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@pytest.mark.parametrize(("k", "centroids", "sparse"), [(1, 0, True), (3, 5, True), (1, 5, False), (3, 11, False)])
def test_features_losses_and_gradients_match_the_reference(monkeypatch, k, centroids, sparse):
    force_decoding(monkeypatch, sparse)
    sae = random_sae(Archetypal(**AUX | {"k": k}, centroids=centroids))
    check_against_reference(sae, standardised(sae))


def fitted(config=CONFIG, seed=0):
    """Return an SAE initialised on rows, and those rows, standardised."""
    sae, x = config.build(3, torch.Generator().manual_seed(seed)), rows(300, dtype=torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    return sae, z


@pytest.mark.parametrize(("learning_rate", "delta"), [(0.01, 0.25), (1.0, 0.0), (1.0, 2.0), (30.0, 0.25)])
def test_every_step_leaves_convex_combinations_of_centroids_and_a_bounded_relaxation(learning_rate, delta):
    sae, z = fitted(Archetypal(**AUX, centroids=5, delta=delta))
    centroids = sae.centroids.clone()
    for _ in train_briefly(sae, z[:250].split(50), learning_rate):
        assert sae.mixture.min() >= 0
        torch.testing.assert_close(sae.mixture.sum(1), torch.ones(8))
        assert sae.relaxation.norm(dim=1).max() <= delta * (1 + 1e-6)
        assert torch.equal(sae.centroids, centroids)
        expected = decoder(sae.config, tensors(sae))
        np.testing.assert_allclose(sae.decoder.detach(), expected, rtol=1e-4, atol=1e-5)
        combinations = sae.decoder.detach() / sae.log_scale.detach().exp() - sae.relaxation.detach()
        assert bool((combinations <= centroids.amax(0) + 1e-4).all())
        assert bool((combinations >= centroids.amin(0) - 1e-4).all())
    assert (sae.mixture > 0).sum() > 8, "the mixture was trained"


def test_the_projection_keeps_what_is_allowed_and_scales_the_rest():
    sae = Archetypal(width=4, k=1, centroids=3, delta=0.5).build(2, torch.Generator())
    mixture = [[0.2, 0.3, 0.5], [2.0, 0.0, 2.0], [-1.0, 3.0, 1.0], [-1.0, -2.0, 0.0]]
    relaxation = [[0.3, 0.0], [3.0, 4.0], [0.0, 0.0], [0.0, -0.5]]
    with torch.no_grad():
        sae.mixture.copy_(torch.tensor(mixture))
        sae.relaxation.copy_(torch.tensor(relaxation))
    sae.after_step()
    third = [1 / 3] * 3
    expected = torch.tensor([[0.2, 0.3, 0.5], [0.5, 0.0, 0.5], [0.0, 0.75, 0.25], third])
    torch.testing.assert_close(sae.mixture.detach(), expected)
    torch.testing.assert_close(sae.relaxation.detach(), torch.tensor([[0.3, 0], [0.3, 0.4], [0, 0], [0, -0.5]]))


def test_features_start_at_the_centroids_in_turn():
    sae, _ = fitted()
    torch.testing.assert_close(sae.decoder.detach(), sae.centroids[[0, 1, 2, 3, 4, 0, 1, 2]])


def test_encoders_start_at_the_centroids_plus_directions_of_their_seed():
    """Encoder = c / |c|^2 + a random direction of the same length; without it, all seeds would be one run."""
    random_parts = []
    for seed in (1, 2):
        sae = Archetypal(width=5, k=1, centroids=5).build(3, torch.Generator().manual_seed(seed))
        sae.initialise(torch.randn(60, 3, generator=torch.Generator().manual_seed(0)))
        aligned = sae.centroids / sae.centroids.square().sum(1, keepdim=True)
        random_parts.append(sae.encoder.detach() - aligned)
        torch.testing.assert_close(random_parts[-1].norm(dim=1), aligned.norm(dim=1), rtol=1e-4, atol=1e-4)
    assert (random_parts[0] - random_parts[1]).abs().amax(1).min() > 1e-3


def test_centroids_are_fixed_and_shared_by_all_seeds():
    sae, z = fitted(seed=0)
    assert torch.equal(sae.centroids, fitted(seed=1)[0].centroids)
    assert not sae.centroids.requires_grad
    assert "centroids" not in dict(sae.named_parameters())
    distances = torch.cdist(z, sae.centroids).square().amin(1).mean()
    assert distances < z.square().sum(1).mean() / 2, "they lie among the rows"


def test_centroids_are_the_means_of_clusters():
    centres = torch.tensor([[5.0, 0], [-5, 0], [0, 5], [0, -5]])
    z = centres.repeat(50, 1) + 0.01 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    sae = Archetypal(width=4, k=1, centroids=4).build(2, torch.Generator())
    sae.initialise(z)
    nearest = torch.cdist(centres, sae.centroids)
    assert nearest.amin(1).max() < 0.05


def test_more_centroids_than_rows_are_refused():
    sae = Archetypal(width=4, k=1, centroids=9).build(2, torch.Generator())
    with pytest.raises(VisaeError, match=r"8 rows for 9 centroids"):
        sae.initialise(torch.randn(8, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 9}, "k is 9, the width 8"),
        ({"centroids": -1, "delta": 1.0}, "centroids is -1 and delta 1"),
        ({"delta": -0.5}, "delta -0.5"),
        ({"delta": float("nan")}, "delta nan"),
        ({"delta": float("inf")}, "delta inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        Archetypal(**{"width": 8, "k": 2} | settings)
