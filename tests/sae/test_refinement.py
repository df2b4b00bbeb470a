"""Refinement: an SAE encoded by pursuit over its own decoder."""

import pytest
import torch
from learned import planted_rows, started

from visae._support.errors import VisaeError
from visae.metrics import amortisation, fidelity, neurons_curve
from visae.sae import PCA, Block, FixedDirections, Neurons, PursuitSAE, TopK, load, refined, save


def true_dictionary(rows_of_encoder=None):
    """A TopK SAE whose decoder is the planted directions; its encoder is tied, or random."""
    x, truth = planted_rows(2000)
    sae = started(TopK(width=24, k=2, aux_k=0), x)
    with torch.no_grad():
        sae.decoder.copy_(truth)
        sae.encoder.copy_(truth if rows_of_encoder is None else rows_of_encoder)
        sae.bias.copy_(sae.silent_point)
    return sae, x


def test_directions_and_origin_stay():
    sae, x = true_dictionary()
    pursuit = refined(sae, x)
    torch.testing.assert_close(pursuit.directions, sae.directions)
    f = torch.rand(5, 24)
    torch.testing.assert_close(pursuit.decode(f), sae.decode(f))


def test_the_l0_is_that_of_the_encoder_or_as_asked():
    sae, x = true_dictionary()
    own = (sae.encode(x) > 0).sum() / len(x)
    for asked, expected in ((None, own.item()), (1.5, 1.5)):
        fired = (refined(sae, x, asked).encode(x) > 0).sum() / len(x)
        assert fired.item() == pytest.approx(expected, rel=0.03)


def test_the_pursuit_explains_what_a_poor_encoder_does_not():
    sae, x = true_dictionary(torch.randn(24, 16, generator=torch.Generator().manual_seed(2)))
    assert fidelity(sae, [x]).explained_variance < 0.5
    assert fidelity(refined(sae, x, 2), [x]).explained_variance > 0.97


def test_a_refined_dictionary_comes_back_from_its_file(tmp_path):
    sae, x = true_dictionary()
    pursuit = refined(sae, x)
    save(pursuit, tmp_path / "sae.safetensors")
    again = load(tmp_path)
    assert isinstance(again, PursuitSAE)
    assert torch.equal(again.encode(x), pursuit.encode(x))


@pytest.mark.parametrize("config", [Block(width=8, size=2, blocks=1), PCA(k=2)])
def test_features_with_signs_are_refused(config):
    x, _ = planted_rows(500)
    with pytest.raises(VisaeError, match="have signs"):
        refined(started(config, x), x)
    assert amortisation(started(config, x), x, [x]) is None


def test_less_than_one_feature_is_refused():
    sae, x = true_dictionary()
    with pytest.raises(VisaeError, match=r"0\.50 features"):
        refined(sae, x, 0.5)


def test_a_good_encoder_has_no_gap_and_a_poor_one_has_all_of_the_error():
    x, _ = planted_rows(2000)
    pursuit = started(FixedDirections(width=24, k=2), x)
    assert amortisation(pursuit, x[:1000], [x[1000:]]).encoder_share == pytest.approx(0, abs=0.02)
    poor, x = true_dictionary(torch.randn(24, 16, generator=torch.Generator().manual_seed(2)))
    gap = amortisation(poor, x[:1000], [x[1000:]])
    assert gap.explained_variance == pytest.approx(fidelity(poor, [x[1000:]]).explained_variance)
    assert gap.pursuit_explained_variance > 0.97
    own, pursued = 1 - gap.explained_variance, 1 - gap.pursuit_explained_variance
    assert gap.encoder_share == pytest.approx((own - pursued) / own)
    assert gap.encoder_share > 0.9


def test_a_pursuit_over_neurons_explains_what_their_strongest_values_do():
    x = planted_rows(2000)[0].abs()
    gap = amortisation(started(Neurons(k=3), x), x[:1000], [x[1000:]])
    neurons = neurons_curve([x[1000:]]).on_average(gap.pursuit_l0)
    assert gap.pursuit_explained_variance == pytest.approx(neurons, abs=1e-3)
    assert gap.explained_variance < neurons
