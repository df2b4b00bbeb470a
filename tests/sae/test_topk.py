import pytest
import torch
from small_saes import AUX, as_the_reference_has_it, counted, filled, grads, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import BatchTopK, Matryoshka, TopK
from visae.sae._topk import geometric_median


@pytest.fixture(params=[True, False], ids=["sparse", "dense"])
def path(request, monkeypatch):
    """Both ways to the same numbers."""
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: request.param)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("aux_k", [1, 3, 50])
def test_features_and_losses_are_as_the_paper_has_them(k, aux_k):
    sae = filled(TopK(**AUX | {"k": k, "aux_k": aux_k}))
    as_the_reference_has_it(sae, standardised(sae))


@pytest.mark.usefixtures("path")
def test_without_dead_features_auxk_is_nothing():
    sae, bare = (filled(TopK(**AUX | {"aux_k": aux_k})) for aux_k in (2, 0))
    sae.rows_since_fired.zero_()
    sae.refresh()
    z = standardised(sae)
    terms = sae.losses(z).terms
    assert terms["aux"].item() == 0
    sum(terms.values()).backward()
    assert list(bare.losses(z).terms) == ["error"]
    assert torch.equal(sae.decoder.grad, grads(bare, z, "error")["decoder"])


def test_a_feature_is_dead_once_it_was_idle_for_longer():
    """Counted in rows: 16 rows later a feature silent for 84 is not dead, and one silent for 85 is."""
    sae = filled(TopK(**AUX))
    z = standardised(sae)
    with torch.no_grad():
        sae.encoder_bias[0] = -0.5
        sae.encoder_bias[1:] += 20
    for before, is_alive in [(84, True), (85, False)]:
        sae.rows_since_fired[:] = 0
        sae.rows_since_fired[0] = before
        counted(sae, z)
        assert sae.rows_since_fired[0] == before + 16
        sae.refresh()
        assert (counted(sae, z)["aux"].item() == 0) == is_alive


def test_which_are_dead_is_looked_at_again_when_asked():
    sae = filled(TopK(**AUX))
    sae.rows_since_fired[:] = torch.tensor([100, 101, 0, 5000, 99, 100, 101, 102])
    sae.refresh()
    assert [member.tolist() for member in sae.dead] == [[1, 3, 6, 7]]
    sae.rows_since_fired.zero_()
    assert [member.tolist() for member in sae.dead] == [[1, 3, 6, 7]]
    sae.refresh()
    assert [member.tolist() for member in sae.dead] == [[]]


@pytest.mark.usefixtures("path")
def test_a_perfect_reconstruction_leaves_finite_gradients():
    sae = filled(TopK(**AUX))
    with torch.no_grad():
        sae.decoder.zero_()
        sae.bias.zero_()
    sum(sae.losses(0 * standardised(sae)).terms.values()).backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in sae.parameters())


def test_the_gradient_along_a_row_is_removed_and_nothing_else():
    sae = filled(TopK(**AUX))
    sae.after_step()
    sae.losses(standardised(sae)).terms["error"].backward()
    before, decoder = sae.decoder.grad.clone(), sae.decoder.detach()
    sae.before_step()
    along = (before * decoder).sum(1, keepdim=True) * decoder
    torch.testing.assert_close(sae.decoder.grad, before - along, rtol=1e-9, atol=1e-12)
    assert along.abs().max() > 1e-3


def test_exactly_k_fire_where_k_are_positive():
    sae = filled(TopK(**AUX))
    with torch.no_grad():
        sae.encoder_bias += 20
    assert torch.equal((sae.encode(rows()) > 0).sum(1), torch.full((40,), 2))


@pytest.mark.parametrize("config", [TopK, BatchTopK, Matryoshka])
@pytest.mark.parametrize("origin", ["mean", "median"])
def test_the_bias_starts_at_the_mean_or_at_the_geometric_median(config, origin):
    sae, x = config(width=32, k=2, origin=origin).build(3, torch.Generator()), rows(500, dtype=torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    expected = geometric_median(z) if origin == "median" else z.mean(0)
    torch.testing.assert_close(sae.bias.detach(), expected, rtol=1e-5, atol=1e-5)
    assert geometric_median(z).norm() > 0.1, "the two are unlike in these rows"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0, "width": 9}, "k is 0, the width 9; k must be between 1 and the width"),
        ({"k": 9, "width": 8}, "k is 9, the width 8"),
        ({"width": 0}, "the width 0"),
        ({"aux_k": -1}, "aux_k is -1; it must be 0 or more"),
        ({"aux_weight": -0.5}, "aux_weight is -0.5"),
        ({"aux_weight": float("nan")}, "aux_weight is nan"),
        ({"dead_after": -1}, "dead_after is -1"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        TopK(**settings)


def test_an_origin_that_does_not_exist():
    """As a file or a caller may have it; while testing, the type checker would be the first to see it."""
    made = TopK(width=8, k=2)
    object.__setattr__(made, "origin", "mode")
    with pytest.raises(VisaeError, match="origin is 'mode'; it must be 'mean' or 'median'"):
        made.__post_init__()
