from dataclasses import replace

import numpy as np
import pytest
import torch
from contract import check_contract
from scipy.optimize import minimize
from slow_saes import auxk_share, decoder, pre_activations, tensors
from small_saes import (
    AUX,
    check_against_reference,
    gradients,
    kind,
    random_sae,
    rows,
    standardised,
    training_terms,
)

from visae._support.errors import VisaeError
from visae.sae import Archetypal, BatchTopK, Matryoshka, TopK, stack
from visae.sae._topk import auxk, geometric_median

CONFIG = TopK(**AUX)
both_ways = pytest.mark.usefixtures("decoding")


@both_ways
def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@both_ways
@pytest.mark.parametrize(("k", "aux_k"), [(1, 1), (2, 3), (5, 50), (8, 3)])
def test_features_losses_and_gradients_match_the_reference(k, aux_k):
    sae = random_sae(TopK(**AUX | {"k": k, "aux_k": aux_k}))
    check_against_reference(sae, standardised(sae))


@both_ways
def test_auxk_is_zero_without_dead_features():
    sae, without_auxk = (random_sae(TopK(**AUX | {"aux_k": aux_k})) for aux_k in (2, 0))
    sae.rows_since_fired.zero_()
    sae.refresh()
    z = standardised(sae)
    terms = sae.losses(z).terms
    assert terms["aux"].item() == 0
    sum(terms.values()).backward()
    assert list(without_auxk.losses(z).terms) == ["error"]
    assert torch.equal(sae.decoder.grad, gradients(without_auxk, z, "error")["decoder"])


def test_a_feature_is_dead_after_more_than_dead_after_rows():
    """After 16 rows more, a feature that was silent for 84 is alive, and one that was silent for 85 is dead."""
    sae = random_sae(CONFIG)
    z = standardised(sae)
    with torch.no_grad():
        sae.encoder_bias[0] = -0.5
        sae.encoder_bias[1:] += 20
    for before, is_alive in [(84, True), (85, False)]:
        sae.rows_since_fired[:] = 0
        sae.rows_since_fired[0] = before
        training_terms(sae, z)
        assert sae.rows_since_fired[0] == before + 16
        sae.refresh()
        assert (training_terms(sae, z)["aux"].item() == 0) == is_alive


def test_the_dead_are_those_of_the_last_refresh():
    sae = random_sae(CONFIG)
    sae.rows_since_fired[:] = torch.tensor([100, 101, 0, 5000, 99, 100, 101, 102])
    sae.refresh()
    assert [member.tolist() for member in sae.dead] == [[1, 3, 6, 7]]
    sae.rows_since_fired.zero_()
    assert [member.tolist() for member in sae.dead] == [[1, 3, 6, 7]]
    sae.refresh()
    assert [member.tolist() for member in sae.dead] == [[]]


@both_ways
def test_a_perfect_reconstruction_has_finite_gradients():
    sae = random_sae(CONFIG)
    with torch.no_grad():
        sae.decoder.zero_()
        sae.bias.zero_()
    sum(sae.losses(0 * standardised(sae)).terms.values()).backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in sae.parameters())


def test_only_the_gradient_along_decoder_rows_is_removed():
    sae = random_sae(CONFIG)
    sae.after_step()
    sae.losses(standardised(sae)).terms["error"].backward()
    before, directions = sae.decoder.grad.clone(), sae.decoder.detach()
    sae.before_step()
    along = (before * directions).sum(1, keepdim=True) * directions
    torch.testing.assert_close(sae.decoder.grad, before - along, rtol=1e-9, atol=1e-12)
    assert along.abs().max() > 1e-3


def test_exactly_k_fire_where_all_pre_activations_are_positive():
    sae = random_sae(CONFIG)
    with torch.no_grad():
        sae.encoder_bias += 20
    assert torch.equal((sae.encode(rows()) > 0).sum(1), torch.full((40,), 2))


@pytest.mark.parametrize("config", [TopK, BatchTopK, Matryoshka])
@pytest.mark.parametrize("origin", ["mean", "median"])
def test_the_bias_starts_at_the_mean_or_the_geometric_median(config, origin):
    sae, x = config(width=32, k=2, origin=origin).build(3, torch.Generator()), rows(500, dtype=torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    expected = geometric_median(z) if origin == "median" else z.mean(0)
    torch.testing.assert_close(sae.bias.detach(), expected, rtol=1e-5, atol=1e-5)
    assert geometric_median(z).norm() > 0.1, "mean and median differ in these rows"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0, "width": 9}, "k is 0, the width 9"),
        ({"k": 9, "width": 8}, "k is 9, the width 8"),
        ({"width": 0}, "the width 0"),
        ({"aux_k": -1}, "aux_k is -1"),
        ({"aux_weight": -0.5}, "aux_weight is -0.5"),
        ({"aux_weight": float("nan")}, "aux_weight is nan"),
        ({"dead_after": -1}, "dead_after is -1"),
        ({"width": 8, "k": 2, "origin": "mode"}, "origin is 'mode'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        TopK(**settings)


with_auxk = pytest.mark.parametrize("config", [CONFIG, Archetypal(**AUX, centroids=5, delta=0.5)], ids=kind)


def slow_auxk(sae, z, residual, dead, k):
    p = tensors(sae)
    pre = pre_activations(sae.config, p, z.numpy())
    return auxk_share(pre, decoder(sae.config, p), residual.numpy(), dead, k)


def random_residual(*members):
    return torch.randn(*members, 16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("after", [0, 4, 5, 6, 100])
def test_dead_features_have_not_fired_for_longer(after):
    sae = random_sae(replace(CONFIG, dead_after=after))
    sae.rows_since_fired[:] = torch.tensor([0, 5, 101, 4, 6, 7, 0, 100])
    sae.refresh()
    assert [indices.tolist() for indices in sae.dead] == [[i for i, n in enumerate(sae.rows_since_fired) if n > after]]


@with_auxk
@pytest.mark.parametrize("k", [1, 2, 4, 50])
@pytest.mark.parametrize("dead", [[0], [1, 4, 5, 6], list(range(8))])
def test_auxk_is_the_share_that_the_strongest_dead_features_leave(config, k, dead):
    sae = random_sae(config)
    z, residual = standardised(sae), random_residual()
    share = auxk(sae, z, residual, [torch.tensor(dead)], k)
    assert share.item() == pytest.approx(slow_auxk(sae, z, residual, dead, k), rel=1e-6)


@with_auxk
def test_members_of_a_stack_have_their_own_dead_features(config):
    members = [random_sae(config, seed=seed) for seed in range(3)]
    whole, z, residual = stack(members), standardised(members[0]), random_residual(3)
    dead = [[1, 4], [], [0, 2, 3, 7]]
    shares = auxk(whole, z, residual, [torch.tensor(features, dtype=torch.int64) for features in dead], 2)
    assert shares[1].item() == 0
    for member in (0, 2):
        expected = slow_auxk(members[member], z, residual[member], dead[member], 2)
        assert shares[member].item() == pytest.approx(expected, rel=1e-6)
    shares.sum().backward()
    for member, features in enumerate(dead):
        trained = (whole.encoder.grad[member] != 0).any(1).nonzero().flatten().tolist()
        assert set(trained) <= set(features)
        assert bool(trained) == bool(features)


def test_auxk_trains_the_dead_features_alone_and_not_the_residual():
    sae = random_sae(CONFIG)
    residual = random_residual().requires_grad_()
    auxk(sae, standardised(sae), residual, [torch.tensor([1, 4, 5, 6])], 4).backward()
    assert residual.grad is None
    for name in ("encoder", "encoder_bias", "decoder"):
        gradient = sae.get_parameter(name).grad
        assert not gradient[[0, 2, 3, 7]].any(), name
        assert gradient[[1, 4, 5, 6]].any(), name


def test_auxk_of_a_residual_that_is_explained_and_of_none():
    sae = random_sae(CONFIG)
    z, dead = standardised(sae), [torch.tensor([1])]
    with torch.no_grad():
        sae.encoder_bias[1] = 20
        explained = sae.preactivate(z)[:, 1:2].relu() * sae.decoder[1]
    assert auxk(sae, z, explained, dead, 1).item() == pytest.approx(0, abs=1e-12)
    assert bool(auxk(sae, z, 0 * explained, dead, 1).isfinite())


def sum_of_distances(point, x):
    return sum(np.sqrt(((row - point) ** 2).sum()) for row in x)


def slow_median(x):
    """Minimise the sum of distances from several starts."""
    starts = [x.mean(0), np.median(x, 0), x[0]]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000}
    minima = [minimize(sum_of_distances, start, (x,), "Nelder-Mead", options=options) for start in starts]
    return min(minima, key=lambda minimum: minimum.fun).x


SOURCE = np.random.default_rng(0)
CLOUDS = {
    "normal": SOURCE.normal(0, 1, (20, 3)),
    "skewed, far from zero": SOURCE.exponential(1, (20, 2)) ** 2 + 100,
    "one outlier": np.concatenate([SOURCE.normal(0, 1, (9, 2)), [[1e3, -1e3]]]),
    "triangle": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "the median is a row": np.array([[0.0, 0.0], [10.0, 1.0], [10.0, -1.0], [-1.0, 0.1], [-1, -0.1]]),
    "the mean is a row": np.array([[-3.0, 0], [0, 0], [1, 0.1], [1, -0.1], [1, 0]]),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_the_geometric_median_minimises_the_sum_of_distances(name):
    x = CLOUDS[name]
    median, expected = geometric_median(torch.from_numpy(x)).numpy(), slow_median(x)
    assert sum_of_distances(median, x) <= sum_of_distances(expected, x) * (1 + 1e-5)
    # Where it is a row, or nearly one, the iteration comes close and no further.
    is_a_row = name in ("triangle", "the median is a row", "the mean is a row")
    np.testing.assert_allclose(median, expected, atol=2e-2 if is_a_row else 1e-5)


def test_an_outlier_moves_the_mean_but_not_the_geometric_median():
    x = torch.from_numpy(CLOUDS["one outlier"])
    assert geometric_median(x).norm() < 2 < x.mean(0).norm()


def test_the_geometric_median_is_a_point_that_most_rows_share():
    x = torch.tensor([[2.0, -1.0]] * 6 + [[50.0, 3.0]] * 5)
    torch.testing.assert_close(geometric_median(x), torch.tensor([2.0, -1.0]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_geometric_median_of_identical_rows_is_that_row(dtype):
    x = torch.full((5, 3), 7.0, dtype=dtype)
    assert torch.equal(geometric_median(x), x[0])
