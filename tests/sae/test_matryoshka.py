import pytest
import torch
from contract import check_contract
from small_saes import AUX, check_against_reference, gradients, random_sae, standardised, train_briefly

from visae._support.errors import VisaeError
from visae.sae import BatchTopK, Matryoshka

both_ways = pytest.mark.usefixtures("decoding")


@both_ways
def test_contract(tmp_path):
    check_contract(Matryoshka(**AUX, levels=3), tmp_path)


@both_ways
@pytest.mark.parametrize(("levels", "k"), [(2, 8), (3, 1), (4, 3)])
def test_features_losses_and_gradients_match_the_reference(levels, k):
    sae = random_sae(Matryoshka(**AUX | {"k": k}, levels=levels))
    check_against_reference(sae, standardised(sae))


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


@both_ways
def test_one_level_is_a_batchtopk():
    nested, plain = random_sae(Matryoshka(**AUX, levels=1)), random_sae(BatchTopK(**AUX))
    plain.load_state_dict(nested.state_dict())
    z = standardised(plain)
    terms, expected = nested.losses(z).terms, plain.losses(z).terms
    assert terms.pop("nested").item() == 0
    assert {name: term.item() for name, term in terms.items()} == {name: term.item() for name, term in expected.items()}


@both_ways
def test_features_outside_all_proper_prefixes_are_trained_by_the_whole_error_alone():
    sae = random_sae(Matryoshka(**AUX, levels=3))
    z = standardised(sae)
    nested, whole = (gradients(sae, z, term) for term in ("nested", "error"))
    for name in ("encoder", "encoder_bias", "decoder"):
        assert not nested[name][4:].any()
        assert nested[name][:4].any()
        assert whole[name][4:].any()


@both_ways
def test_prefixes_decode_the_features_selected_over_the_whole_width():
    """k counts all features: a prefix whose features are not among the k largest decodes nothing."""
    sae = random_sae(Matryoshka(**AUX, levels=2))
    with torch.no_grad():
        sae.encoder_bias[4:] += 1000
        sae.bias.zero_()
    z = standardised(sae)
    assert sae.losses(z).terms["nested"].item() == pytest.approx(z.square().sum(1).mean().item() / 3)


def test_features_of_the_first_prefix_learn_to_fire_more():
    generator = torch.Generator().manual_seed(0)
    sae = Matryoshka(width=16, k=2, levels=3, aux_k=0).build(8, generator)
    for _ in train_briefly(sae, (torch.randn(100, 8, generator=generator) for _ in range(60)), lr=1e-2):
        pass
    density = (sae.features(torch.randn(2000, 8, generator=generator)) > 0).double().mean(0)
    assert density[:4].mean() > 1.5 * density[8:].mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 8, "k": 9}, "k is 9, the width 8"),
        ({"width": 8, "k": 1, "levels": 0}, "levels is 0, the width 8; .* 1 to 4"),
        ({"width": 8, "k": 1, "levels": 5}, "levels is 5, the width 8; .* 1 to 4"),
        ({"width": 7, "k": 1, "levels": 4}, "levels is 4, the width 7; .* 1 to 3"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        Matryoshka(**settings)
