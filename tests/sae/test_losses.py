"""What the losses of all kinds have in common: which parameters each term trains, and when features last fired."""

import numpy as np
import pytest
import torch
from slow_saes import in_training, tensors
from small_saes import BASELINES, TRAINABLE, counted, filled, kind, pulled, rows, standardised

FREE = {"encoder", "encoder_bias", "decoder", "bias"}
OF_ARCHETYPES = {"encoder", "encoder_bias", "bias", "mixture", "relaxation", "log_scale"}
# What each term trains; it must not reach the other parameters of its kind.
TRAINS = [
    ("relu", "error", FREE),
    ("relu", "sparsity", FREE),
    ("gated", "error", {"encoder", "r_mag", "magnitude_bias", "decoder", "bias"}),
    ("gated", "sparsity", {"encoder", "encoder_bias", "bias"}),
    ("gated", "aux", {"encoder", "encoder_bias", "bias"}),
    ("topk", "error", FREE),
    ("topk", "aux", FREE),
    ("batchtopk", "error", FREE),
    ("batchtopk", "aux", FREE),
    ("matryoshka", "nested", FREE),
    ("matryoshka", "error", FREE),
    ("matryoshka", "aux", FREE),
    ("jumprelu", "error", FREE | {"log_threshold"}),
    ("jumprelu", "sparsity", {"log_threshold"}),
    ("archetypal", "error", OF_ARCHETYPES),
    ("archetypal", "aux", OF_ARCHETYPES),
    ("block", "error", {"decoder", "log_gain", "bias"}),
    ("block", "aux", {"decoder", "log_gain", "bias"}),
]


@pytest.mark.parametrize(("name", "term", "trained"), TRAINS)
def test_a_term_trains_what_it_must_and_nothing_else(name, term, trained):
    sae = filled({config.kind: config for config in TRAINABLE}[name])
    assert pulled(sae, standardised(sae), term) == trained


def test_no_term_is_without_its_gradient_test():
    found = [(config.kind, term) for config in TRAINABLE for term in filled(config).losses(rows()).terms]
    assert sorted(found) == sorted((name, term) for name, term, _ in TRAINS)


@pytest.mark.parametrize("config", BASELINES, ids=kind)
def test_nothing_of_a_baseline_is_trained(config):
    sae = filled(config)
    assert not any(parameter.requires_grad for parameter in sae.parameters())
    assert list(sae.losses(standardised(sae)).terms) == ["error"]


@pytest.mark.parametrize("config", TRAINABLE, ids=kind)
def test_training_counts_idle_rows_and_using_does_not(config):
    sae = filled(config)
    before = sae.rows_since_fired.clone()
    sae.encode(rows())
    assert torch.equal(sae.rows_since_fired, before)
    with torch.no_grad():
        silenced = sae.decoder if config.kind == "block" else sae.encoder_bias
        silenced[: getattr(config, "size", 1)] = 0 if config.kind == "block" else -100
    for seed in range(3):
        counted(sae, standardised(sae, 10, seed))
    assert sae.rows_since_fired[0] == before[0] + 30
    assert sae.rows_since_fired.min() == 0


@pytest.mark.parametrize("config", [r for r in TRAINABLE if r.kind != "block"], ids=kind)
def test_a_feature_that_fires_once_in_training_has_not_been_idle(config):
    """Whichever fire in training, by the reference, and they alone, start again at zero."""
    sae = filled(config)
    z = standardised(sae, 2)
    fired = (in_training(config, tensors(sae), z.numpy()) != 0).any(0)
    sae.rows_since_fired[:] = 5
    counted(sae, z)
    assert sae.rows_since_fired.tolist() == np.where(fired, 0, 7).tolist()
    assert 0 < fired.sum() < 8
