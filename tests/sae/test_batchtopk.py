import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import pre_activations, tensors, training_features
from small_saes import AUX, check_against_reference, random_sae, rows, standardised, train_briefly

from visae._support.errors import VisaeError
from visae.sae import BatchTopK, load, save
from visae.sae._batchtopk import _BATCH_WEIGHT

CONFIG = BatchTopK(**AUX)
both_ways = pytest.mark.usefixtures("decoding")


@both_ways
def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@both_ways
@pytest.mark.parametrize(("k", "threshold"), [(1, 0.625), (2, -1.0), (5, 1e6), (8, 0.0)])
def test_features_losses_and_gradients_match_the_reference(k, threshold):
    """The training loss does not depend on the threshold, however wrong it is."""
    sae = random_sae(BatchTopK(**AUX | {"k": k}))
    sae.threshold.fill_(threshold)
    check_against_reference(sae, standardised(sae))


def count_fired(sae, z):
    """Count the features that fire in each row in training."""
    code = sae.code(z)
    return (code.decode(torch.eye(8, dtype=z.dtype)) > 0).sum(1)


@both_ways
@pytest.mark.parametrize("k", [1, 2, 3])
def test_k_features_fire_on_average_over_a_batch_but_not_in_every_row(k):
    sae = random_sae(BatchTopK(**AUX | {"k": k}))
    for seed in range(4):
        count = count_fired(sae, standardised(sae, 50, seed))
        assert count.sum() == 50 * k
        assert len(count.unique()) > 1


@both_ways
def test_all_positive_pre_activations_fire_if_there_are_fewer_than_k():
    sae = random_sae(BatchTopK(**AUX | {"k": 7}))
    with torch.no_grad():
        sae.encoder_bias -= 1
    z = standardised(sae)
    positive = (sae.preactivate(z) > 0).sum(1)
    assert 0 < positive.sum() < 7 * len(z)
    assert torch.equal(count_fired(sae, z), positive)


@both_ways
def test_the_threshold_is_the_running_mean_of_the_smallest_value_that_fires():
    sae, expected = random_sae(CONFIG), None
    sae.threshold.fill_(-1)
    for seed in range(6):
        z = standardised(sae, 20, seed)
        f = training_features(sae.config, tensors(sae), z.numpy())
        smallest = f[f > 0].min()
        expected = smallest if expected is None else (1 - _BATCH_WEIGHT) * expected + _BATCH_WEIGHT * smallest
        sae.losses(z)
        assert sae.threshold.item() == pytest.approx(expected, rel=1e-9)
    assert not sae.threshold.requires_grad


@both_ways
def test_a_batch_in_which_nothing_fires_leaves_the_threshold_alone():
    sae = random_sae(CONFIG)
    with torch.no_grad():
        sae.encoder_bias.fill_(-1000)
    terms = sae.losses(standardised(sae)).terms
    assert sae.threshold.item() == 0.625
    assert all(bool(term.isfinite()) for term in terms.values())


def test_a_row_is_encoded_independently_of_its_batch():
    sae, x = random_sae(CONFIG), rows()
    together = sae.encode(x)
    for index in range(len(x)):
        torch.testing.assert_close(sae.encode(x[index : index + 1]), together[index : index + 1], rtol=1e-12, atol=0)
    among_large_rows = torch.cat([x[:1], 1000 * x[1:]])
    torch.testing.assert_close(sae.encode(among_large_rows)[:1], together[:1], rtol=1e-12, atol=0)
    assert len((together > 0).sum(1).unique()) > 1


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.5, 2.0])
def test_features_fire_from_the_threshold_upwards(threshold):
    sae, x = random_sae(CONFIG), rows()
    sae.threshold.fill_(threshold)
    pre = pre_activations(sae.config, tensors(sae), sae.standardise(x).numpy())
    assert np.array_equal(sae.encode(x).detach() > 0, (pre > 0) & (pre >= threshold))


def test_a_trained_sae_fires_about_k_features_in_use():
    sae = BatchTopK(width=8, k=2, aux_k=0).build(3, torch.Generator().manual_seed(0))
    batches = (torch.randn(200, 3, generator=torch.Generator().manual_seed(step)) for step in range(150))
    for _ in train_briefly(sae, batches, lr=3e-3):
        pass
    fired = sae.features(torch.randn(2000, 3, generator=torch.Generator().manual_seed(1000))) > 0
    assert fired.sum(1).double().mean().item() == pytest.approx(2, rel=0.1)


def test_the_threshold_is_saved_and_loaded(tmp_path):
    sae = random_sae(CONFIG, dtype=torch.float32)
    sae.losses(standardised(sae))
    save(sae, tmp_path / "sae.safetensors")
    loaded = load(tmp_path)
    assert loaded.threshold.item() == sae.threshold.item()
    assert sae.threshold.item() not in (-1, 0.625)
    x = rows(dtype=torch.float32)
    assert torch.equal(loaded.encode(x), sae.encode(x))


def test_a_k_above_the_width_is_refused():
    with pytest.raises(VisaeError, match="k is 9, the width 8"):
        BatchTopK(width=8, k=9)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("piece", [7, 4096])
def test_after_calibration_k_features_fire_on_average_over_the_sample(monkeypatch, k, piece):
    monkeypatch.setattr("visae.sae._batchtopk._PIECE", piece)
    sae = random_sae(BatchTopK(**AUX | {"k": k}))
    z = standardised(sae, 40)
    sae.calibrate(z)
    assert sae.threshold.item() == np.sort(sae.preactivate(z).detach().numpy().ravel())[-40 * k]
    assert (sae.features(z) > 0).sum() == 40 * k


def test_a_sample_with_fewer_positive_pre_activations_than_k_calibrates_to_zero():
    sae = random_sae(BatchTopK(**AUX | {"k": 7}))
    with torch.no_grad():
        sae.encoder_bias -= 1
    z = standardised(sae)
    sae.calibrate(z)
    assert sae.threshold.item() == 0
    assert torch.equal(sae.features(z), sae.preactivate(z).relu())
