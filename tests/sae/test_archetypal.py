import numpy as np
import pytest
import torch
from slow_saes import decoder, tensors
from small_saes import AUX, as_the_reference_has_it, filled, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import Archetypal

RECIPE = Archetypal(**AUX, centroids=5, delta=0.5)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("centroids", [0, 5, 11])
@pytest.mark.parametrize("sparse", [True, False])
def test_features_and_losses_are_as_the_paper_has_them(monkeypatch, k, centroids, sparse):
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: sparse)
    sae = filled(Archetypal(**AUX | {"k": k}, centroids=centroids))
    as_the_reference_has_it(sae, standardised(sae))


def fitted(config=RECIPE, seed=0):
    sae, x = config.build(3, torch.Generator().manual_seed(seed)), rows(300, dtype=torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    return sae, z


@pytest.mark.parametrize("learning_rate", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("delta", [0.0, 0.25, 2.0])
def test_after_any_step_features_are_combinations_of_centroids_and_a_bounded_rest(learning_rate, delta):
    sae, z = fitted(Archetypal(**AUX, centroids=5, delta=delta))
    centroids, optimiser = sae.centroids.clone(), torch.optim.Adam(sae.parameters(), lr=learning_rate)
    for step in range(5):
        optimiser.zero_grad()
        sum(sae.losses(z[step * 50 : step * 50 + 50]).terms.values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
        assert sae.mixture.min() >= 0
        torch.testing.assert_close(sae.mixture.sum(1), torch.ones(8))
        assert sae.relaxation.norm(dim=1).max() <= delta * (1 + 1e-6)
        assert torch.equal(sae.centroids, centroids)
        expected = decoder(sae.config, tensors(sae))
        np.testing.assert_allclose(sae.decoder.detach(), expected, rtol=1e-4, atol=1e-5)
        weights = sae.decoder.detach() / sae.log_scale.detach().exp() - sae.relaxation.detach()
        assert bool((weights <= centroids.amax(0) + 1e-4).all())
        assert bool((weights >= centroids.amin(0) - 1e-4).all())
    assert (sae.mixture > 0).sum() > 8, "something was learned"


def test_projection_leaves_what_is_allowed_and_scales_what_is_not():
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


def test_features_start_at_the_centroids_one_after_the_other():
    sae, _ = fitted()
    torch.testing.assert_close(sae.decoder.detach(), sae.centroids[[0, 1, 2, 3, 4, 0, 1, 2]])


def test_the_encoder_looks_for_centroids_and_each_seed_elsewhere_too():
    """Encoder = c / |c|^2 + as much in a direction of the seed's own; without it, seeds would be one run."""
    own = []
    for seed in (1, 2):
        sae = Archetypal(width=5, k=1, centroids=5).build(3, torch.Generator().manual_seed(seed))
        sae.initialise(torch.randn(60, 3, generator=torch.Generator().manual_seed(0)))
        aligned = sae.centroids / sae.centroids.square().sum(1, keepdim=True)
        own.append(sae.encoder.detach() - aligned)
        torch.testing.assert_close(own[-1].norm(dim=1), aligned.norm(dim=1), rtol=1e-4, atol=1e-4)
    assert (own[0] - own[1]).abs().amax(1).min() > 1e-3


def test_centroids_do_not_depend_on_the_seed_of_the_sae():
    one, z = fitted(seed=0)
    other, _ = fitted(seed=1)
    assert torch.equal(one.centroids, other.centroids)
    assert not one.requires_grad_(False).centroids.requires_grad
    assert "centroids" not in dict(one.named_parameters())
    distances = torch.cdist(z, one.centroids).square().amin(1).mean()
    assert distances < z.square().sum(1).mean() / 2, "they are in the midst of the rows"


def test_centroids_are_the_means_of_clusters():
    centres = torch.tensor([[5.0, 0], [-5, 0], [0, 5], [0, -5]])
    z = centres.repeat(50, 1) + 0.01 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    sae = Archetypal(width=4, k=1, centroids=4).build(2, torch.Generator())
    sae.initialise(z)
    nearest = torch.cdist(centres, sae.centroids)
    assert nearest.amin(1).max() < 0.05


def test_more_centroids_than_rows():
    sae = Archetypal(width=4, k=1, centroids=9).build(2, torch.Generator())
    with pytest.raises(VisaeError, match="9 centroids were asked for and there are 8 rows"):
        sae.initialise(torch.randn(8, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 9}, "k is 9, the width 8"),
        ({"centroids": -1, "delta": 1.0}, "centroids is -1 and delta 1; they must be 0 or more"),
        ({"delta": -0.5}, "delta -0.5"),
        ({"delta": float("nan")}, "delta nan"),
        ({"delta": float("inf")}, "delta inf"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        Archetypal(**{"width": 8, "k": 2} | settings)
