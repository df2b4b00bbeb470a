import pytest
import torch
from small_saes import AUX, as_the_reference_has_it, filled, grads, standardised

from visae._support.errors import VisaeError
from visae.sae import BatchTopK, Matryoshka


@pytest.fixture(params=[True, False], ids=["sparse", "dense"], autouse=True)
def path(request, monkeypatch):
    """Both ways to the same numbers."""
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: request.param)
    monkeypatch.setattr("visae.sae._batchtopk.sparse_pays", lambda *_: request.param)


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("k", [1, 3, 8])
def test_features_and_losses_are_as_the_post_has_them(levels, k):
    sae = filled(Matryoshka(**AUX | {"k": k}, levels=levels))
    as_the_reference_has_it(sae, standardised(sae))


@pytest.mark.parametrize(
    ("width", "levels", "sizes"),
    [
        (36_864, 5, (2304, 4608, 9216, 18432, 36864)),
        (8, 4, (1, 2, 4, 8)),
        (100, 3, (25, 50, 100)),
        (9, 2, (4, 9)),
        (7, 1, (7,)),
    ],
)
def test_each_prefix_is_half_as_wide_as_the_next(width, levels, sizes):
    assert Matryoshka(width=width, k=1, levels=levels).sizes == sizes


def test_with_one_level_it_is_a_batchtopk():
    nested, plain = filled(Matryoshka(**AUX, levels=1)), filled(BatchTopK(**AUX))
    plain.load_state_dict(nested.state_dict())
    z = standardised(plain)
    found, expected = nested.losses(z).terms, plain.losses(z).terms
    assert found.pop("nested").item() == 0
    assert {name: term.item() for name, term in found.items()} == {name: term.item() for name, term in expected.items()}


def test_features_outside_all_smaller_prefixes_hear_of_the_whole_error_alone():
    sae = filled(Matryoshka(**AUX, levels=3))
    z = standardised(sae)
    nested = grads(sae, z, "nested")
    whole = grads(sae, z, "error")
    for name in ("encoder", "encoder_bias", "decoder"):
        assert not nested[name][4:].any()
        assert nested[name][:4].any()
        assert whole[name][4:].any()


def test_prefixes_share_one_choice_of_winners():
    """k is over all features: a prefix decodes the sparse_code that lie in it, and chooses none of its own."""
    sae = filled(Matryoshka(**AUX, levels=2))
    with torch.no_grad():
        sae.encoder_bias[4:] += 1000
        sae.bias.zero_()
    z = standardised(sae)
    assert sae.losses(z).terms["nested"].item() == pytest.approx(z.square().sum(1).mean().item() / 3)


def test_earlier_features_learn_to_fire_more():
    source = torch.Generator().manual_seed(0)
    sae = Matryoshka(width=16, k=2, levels=3, aux_k=0).build(8, source)
    optimiser = torch.optim.Adam(sae.parameters(), lr=1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        z = torch.randn(100, 8, generator=source)
        sum(sae.losses(z).terms.values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
    share = (sae.features(torch.randn(2000, 8, generator=source)) > 0).double().mean(0)
    assert share[:4].mean() > 1.5 * share[8:].mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 8, "k": 9}, "k is 9, the width 8"),
        ({"width": 8, "k": 1, "levels": 0}, "levels is 0, the width 8; it must be from 1 to 4"),
        ({"width": 8, "k": 1, "levels": 5}, "levels is 5, the width 8; it must be from 1 to 4, so that the smallest"),
        ({"width": 7, "k": 1, "levels": 4}, "levels is 4, the width 7; it must be from 1 to 3"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        Matryoshka(**settings)
