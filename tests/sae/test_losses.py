"""What the losses of all kinds have in common: which parameters each term trains, and which features count as fired."""

import numpy as np
import pytest
import torch
from slow_saes import tensors, training_features
from small_saes import TRAINABLE, gradients, kind, random_sae, rows, standardised, training_terms

AFFINE = {"encoder", "encoder_bias", "decoder", "bias"}
ARCHETYPAL = {"encoder", "encoder_bias", "bias", "mixture", "relaxation", "log_scale"}
# The parameters that each term trains; it must not reach the others of its kind.
TRAINED = [
    ("relu", "error", AFFINE),
    ("relu", "sparsity", AFFINE),
    ("gated", "error", {"encoder", "r_mag", "magnitude_bias", "decoder", "bias"}),
    ("gated", "sparsity", {"encoder", "encoder_bias", "bias"}),
    ("gated", "aux", {"encoder", "encoder_bias", "bias"}),
    ("topk", "error", AFFINE),
    ("topk", "aux", AFFINE),
    ("batchtopk", "error", AFFINE),
    ("batchtopk", "aux", AFFINE),
    ("matryoshka", "nested", AFFINE),
    ("matryoshka", "error", AFFINE),
    ("matryoshka", "aux", AFFINE),
    ("jumprelu", "error", AFFINE | {"log_threshold"}),
    ("jumprelu", "sparsity", {"log_threshold"}),
    ("archetypal", "error", ARCHETYPAL),
    ("archetypal", "aux", ARCHETYPAL),
    ("block", "error", {"decoder", "log_gain", "bias"}),
    ("block", "aux", {"decoder", "log_gain", "bias"}),
]


@pytest.mark.parametrize(("name", "term", "trained"), TRAINED)
def test_a_term_trains_these_parameters_and_no_others(name, term, trained):
    sae = random_sae({config.kind: config for config in TRAINABLE}[name])
    by_parameter = gradients(sae, standardised(sae), term)
    moved = {name for name, gradient in by_parameter.items() if gradient is not None and bool(gradient.any())}
    assert moved == trained


def test_the_table_above_has_every_term():
    terms = [(config.kind, term) for config in TRAINABLE for term in random_sae(config).losses(rows()).terms]
    assert sorted(terms) == sorted((name, term) for name, term, _ in TRAINED)


@pytest.mark.parametrize("config", TRAINABLE, ids=kind)
def test_rows_are_counted_for_a_feature_that_stays_silent(config):
    sae = random_sae(config)
    before = sae.rows_since_fired.clone()
    with torch.no_grad():
        if config.kind == "block":
            sae.decoder[: config.size] = 0
        else:
            sae.encoder_bias[0] = -100
    for seed in range(3):
        training_terms(sae, standardised(sae, 10, seed))
    assert sae.rows_since_fired[0] == before[0] + 30
    assert sae.rows_since_fired.min() == 0


@pytest.mark.parametrize("config", [config for config in TRAINABLE if config.kind != "block"], ids=kind)
def test_exactly_the_features_that_fire_in_training_restart_at_zero(config):
    sae = random_sae(config)
    z = standardised(sae, 2)
    fired = (training_features(config, tensors(sae), z.numpy()) != 0).any(0)
    sae.rows_since_fired[:] = 5
    training_terms(sae, z)
    assert sae.rows_since_fired.tolist() == np.where(fired, 0, 7).tolist()
    assert 0 < fired.sum() < 8
