"""Dictionaries learned without gradients, whatever the kind."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from learned import WIDTH, learned, planted_rows, started

from visae.metrics import recovery
from visae.sae import MOD, FixedDirections, Online, load, save

KINDS = pytest.mark.parametrize(
    "config", [MOD(width=WIDTH, k=2), Online(width=WIDTH, k=2)], ids=lambda config: config.kind
)


def mean_l0(sae, z):
    return (sae.features(z) > 0).float().sum(1).mean().item()


@KINDS
def test_planted_directions_are_recovered(config):
    """Rows of the data as directions, coded the same, recover few."""
    x, truth = planted_rows(4096)
    sae, errors = learned(config)
    assert recovery(sae.directions, truth).matched_fraction == 1
    assert errors[-1] < 0.02 * errors[0]
    fixed = started(FixedDirections(width=WIDTH, k=2), x)
    assert recovery(fixed.directions, truth).matched_fraction < 0.3


@KINDS
def test_directions_keep_unit_norm(config):
    sae, _ = learned(config, batches=20)
    torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(WIDTH))


@KINDS
def test_features_that_fire_grow_to_k(config):
    """One at first, and k after a quarter of the training."""
    x, _ = planted_rows(4096)
    for progress, expected in ((1e-9, 1), (0.125, 2), (0.25, 3), (1.0, 3)):
        sae = started(replace(config, k=3), x)
        z = sae.standardise(x)
        assert mean_l0(sae, z) == pytest.approx(1, abs=0.01)
        sae.learn(z, progress)
        assert mean_l0(sae, z) == pytest.approx(expected, abs=0.05)


@KINDS
def test_files_hold_only_what_encodes(config, tmp_path):
    sae, _ = learned(config, batches=4)
    save(sae, tmp_path / "sae.safetensors")
    again, x = load(tmp_path), planted_rows(50, seed=3)[0]
    assert torch.equal(again.encode(x), sae.encode(x))
    assert "moments" in sae.state_dict()
    assert "moments" not in again.state_dict()


@KINDS
def test_lasso_codes_are_learned_from_too(config):
    sae, errors = learned(type(config)(width=WIDTH, k=2, l1=0.1), batches=20)
    assert errors[-1] < 0.5 * errors[0]
    assert recovery(sae.directions, planted_rows(1)[1]).mean_cosine > 0.8


def test_sums_are_those_of_all_batches():
    x, _ = planted_rows(64)
    sae = started(MOD(width=8, k=2), x)
    z = sae.standardise(x)
    f = sae.features(z)
    for part in z.split(16):
        sae.learn(part)
    torch.testing.assert_close(sae.moments, f.T @ f)
    torch.testing.assert_close(sae.products, f.T @ (z - sae.bias))


def test_rows_without_a_direction_replace_nothing():
    x, _ = planted_rows(64)
    sae = started(MOD(width=8, k=2), x)
    silent = sae.bias.expand(4, -1)
    explained, lost = sae.standardise(x)[:2], sae.standardise(x)[2:3]
    z = torch.cat([silent, explained, lost])
    residual = torch.cat([torch.ones_like(silent), torch.zeros_like(explained), torch.ones_like(lost)])
    before = sae.decoder.clone()
    sae.replace(torch.ones(8, dtype=torch.bool), z, residual)
    torch.testing.assert_close(sae.decoder[0], F.normalize(lost[0] - sae.bias, dim=0))
    assert torch.equal(sae.decoder[1:], before[1:])


@KINDS
@pytest.mark.parametrize("freeze", ["decoder", "soft-decoder"])
def test_the_threshold_is_that_of_the_frozen_directions(config, freeze):
    x, _ = planted_rows(4096)
    sae = started(replace(config, k=3, freeze=freeze), x)
    z = sae.standardise(x)
    sae.learn(z)
    assert mean_l0(sae, z) == pytest.approx(3, abs=0.05)


def test_unused_features_are_pointed_at_badly_explained_rows():
    x, _ = planted_rows(64)
    sae = started(MOD(width=8, k=2), x)
    z = sae.standardise(x)
    residual = torch.zeros_like(z)
    residual[5], residual[9] = 2.0, 1.0
    unused = torch.zeros(8, dtype=torch.bool)
    unused[[1, 3]] = True
    before = sae.decoder.clone()
    sae.replace(unused, z, residual)
    torch.testing.assert_close(sae.decoder[[1, 3]], F.normalize(z[[5, 9]] - sae.bias, dim=1))
    assert torch.equal(sae.decoder[~unused], before[~unused])
    assert (sae.rows_since_fired[[1, 3]] == 0).all()
