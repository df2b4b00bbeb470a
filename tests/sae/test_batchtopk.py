import numpy as np
import pytest
import torch
from slow_saes import in_training, preactivate, tensors
from small_saes import AUX, as_the_reference_has_it, filled, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import BatchTopK, load, save
from visae.sae._batchtopk import _BATCH_WEIGHT


@pytest.fixture(params=[True, False], ids=["sparse", "dense"], autouse=True)
def path(request, monkeypatch):
    """Both ways to the same numbers."""
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: request.param)
    monkeypatch.setattr("visae.sae._batchtopk.sparse_pays", lambda *_: request.param)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.625, 1e6])
def test_features_and_losses_are_as_the_paper_has_them(k, threshold):
    """In training the threshold has no say, however wrong it is."""
    sae = filled(BatchTopK(**AUX | {"k": k}))
    sae.threshold.fill_(threshold)
    as_the_reference_has_it(sae, standardised(sae))


def fires(sae, z):
    """Features that fire while training."""
    code = sae.code(z)
    return (code.decode(torch.eye(8, dtype=z.dtype)) > 0).sum(1)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_k_fire_on_average_over_a_batch_and_not_in_every_row(k):
    sae = filled(BatchTopK(**AUX | {"k": k}))
    for seed in range(4):
        count = fires(sae, standardised(sae, 50, seed))
        assert count.sum() == 50 * k
        assert len(count.unique()) > 1


def test_where_fewer_are_positive_all_of_them_fire():
    sae = filled(BatchTopK(**AUX | {"k": 7}))
    with torch.no_grad():
        sae.encoder_bias -= 1
    z = standardised(sae)
    positive = (sae.preactivate(z) > 0).sum(1)
    assert 0 < positive.sum() < 7 * len(z)
    assert torch.equal(fires(sae, z), positive)


def test_the_threshold_is_the_running_mean_of_the_smallest_winners():
    sae, expected = filled(BatchTopK(**AUX)), None
    sae.threshold.fill_(-1)
    for seed in range(6):
        z = standardised(sae, 20, seed)
        f = in_training(sae.config, tensors(sae), z.numpy())
        smallest = f[f > 0].min()
        expected = smallest if expected is None else (1 - _BATCH_WEIGHT) * expected + _BATCH_WEIGHT * smallest
        sae.losses(z)
        assert sae.threshold.item() == pytest.approx(expected, rel=1e-9)
    assert not sae.threshold.requires_grad


def test_a_batch_in_which_nothing_fires_leaves_the_threshold():
    sae = filled(BatchTopK(**AUX))
    with torch.no_grad():
        sae.encoder_bias.fill_(-1000)
    terms = sae.losses(standardised(sae)).terms
    assert sae.threshold.item() == 0.625
    assert all(bool(term.isfinite()) for term in terms.values())


def test_using_an_sae_leaves_the_threshold():
    sae = filled(BatchTopK(**AUX))
    sae.decode(sae.encode(rows()))
    assert sae.threshold.item() == 0.625


def test_a_row_is_encoded_whatever_else_is_in_the_batch():
    sae, x = filled(BatchTopK(**AUX)), rows()
    together = sae.encode(x)
    for index in range(len(x)):
        torch.testing.assert_close(sae.encode(x[index : index + 1]), together[index : index + 1], rtol=1e-12, atol=0)
    crowd = torch.cat([x[:1], 1000 * x[1:]])
    torch.testing.assert_close(sae.encode(crowd)[:1], together[:1], rtol=1e-12, atol=0)
    assert len((together > 0).sum(1).unique()) > 1


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.5, 2.0])
def test_what_reaches_the_threshold_fires(threshold):
    sae, x = filled(BatchTopK(**AUX)), rows()
    sae.threshold.fill_(threshold)
    pre = preactivate(sae.config, tensors(sae), sae.standardise(x).numpy())
    assert np.array_equal(sae.encode(x).detach() > 0, (pre > 0) & (pre >= threshold))


def test_after_training_about_k_fire_on_average():
    sae = BatchTopK(width=8, k=2, aux_k=0).build(3, torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(sae.parameters(), lr=3e-3)
    for step in range(150):
        optimiser.zero_grad()
        z = torch.randn(200, 3, generator=torch.Generator().manual_seed(step))
        sum(sae.losses(z).terms.values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
    fired = sae.features(torch.randn(2000, 3, generator=torch.Generator().manual_seed(1000))) > 0
    assert fired.sum(1).double().mean().item() == pytest.approx(2, rel=0.1)


def test_the_threshold_is_kept_in_the_file(tmp_path):
    sae = filled(BatchTopK(**AUX), dtype=torch.float32)
    sae.losses(standardised(sae))
    save(sae, tmp_path / "sae.safetensors")
    back = load(tmp_path)
    assert back.threshold.item() == sae.threshold.item() != -1
    x = rows(dtype=torch.float32)
    assert torch.equal(back.encode(x), sae.encode(x))


def test_recipes_that_make_no_sense():
    with pytest.raises(VisaeError, match="k is 9, the width 8; k must be between 1 and the width"):
        BatchTopK(width=8, k=9)
