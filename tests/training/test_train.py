import json

import numpy as np
import pytest
import torch
from stores import CONFIGS, FILES, SHORT, content, planted

from visae.metrics import Fidelity, fidelity, recovery
from visae.sae import ReLU, TopK, load
from visae.training import TrainingConfig, train
from visae.training._batches import Batches


@pytest.mark.parametrize("config", CONFIGS)
def test_what_training_leaves(tmp_path, rows, whole, config):
    sae = train(rows, config, tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[config]
    assert sorted(whole[config]) == FILES
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 3, 6, 9, 12, 14]
    assert {tuple(line) for line in lines} == {
        ("step", "error", "aux" if config.kind == "topk" else "sparsity", "silent")
    }
    assert lines[-1]["error"] < lines[0]["error"]
    back = load(tmp_path / "run")
    assert back.about == sae.about
    assert all(torch.equal(getattr(back, name), getattr(sae, name)) for name in ("encoder", "decoder", "bias", "scale"))
    assert not any(parameter.requires_grad for parameter in sae.parameters())
    assert not sae.training


def test_the_log_counts_silent_features(tmp_path, rows, monkeypatch):
    monkeypatch.setattr("visae.training._trainer._SILENT_AFTER", 700)
    train(rows, TopK(width=64, k=1, aux_k=0), tmp_path / "run", SHORT, "cpu")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    # After the batch of step 3, 720 rows were seen.
    assert [line["silent"] > 0 for line in lines] == [False, True, True, True, True, True]
    assert all(0 <= line["silent"] < 64 for line in lines)


def test_the_file_says_what_it_was_made_from(rows, tmp_path):
    sae = train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    about = sae.about
    assert {key: about[key] for key in ("network", "weights", "layer", "rows", "held_out_images")} == {
        "network": "made",
        "weights": "0" * 64,
        "layer": "up",
        "rows": 1000,
        "held_out_images": 10,
    }
    settings = about["settings"]
    assert {key: settings[key] for key in ("rows", "kind", "seed")} == {"rows": rows.digest, "kind": "topk", "seed": 0}
    assert settings["config"]["k"] == 2
    assert settings["training"]["lr"] == 3e-3
    assert "stopped" not in about
    measured = fidelity(sae, Batches(rows, SHORT).held_out())
    assert Fidelity(**about["metrics"]) == measured


def test_a_seed_decides_the_first_directions(rows, tmp_path):
    one, other, again = (
        train(rows, CONFIGS[1], tmp_path / str(index), TrainingConfig(epochs=1, batch=900, lr=1e-9, seed=seed), "cpu")
        for index, seed in enumerate((0, 1, 0))
    )
    assert torch.equal(one.decoder, again.decoder)
    assert not torch.allclose(one.decoder, other.decoder, atol=0.01)
    assert other.about["settings"]["seed"] == 1


def test_units_are_those_of_the_rows(rows, tmp_path):
    sae = train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    values = rows.gather(torch.arange(len(rows))).double().numpy()
    np.testing.assert_allclose(sae.centre, values.mean(0), rtol=1e-5)
    assert sae.scale.item() == pytest.approx(values.var(0).mean() ** 0.5, rel=1e-5)


def test_topk_finds_what_is_planted(tmp_path):
    rows, truth = planted(tmp_path / "rows")
    sae = train(rows, TopK(width=24, k=2, dead_after=5000), tmp_path / "run", TrainingConfig(12, 256, 1e-2), "cpu")
    found = recovery(sae.directions, truth)
    assert found.matched_fraction >= 0.9
    assert sae.about["metrics"]["explained_variance"] > 0.8
    assert sae.about["metrics"]["l0"] <= 2


@pytest.mark.parametrize(("l1", "explained", "matched"), [(0.3, 0.95, 0.0), (2.0, 0.7, 0.9)])
def test_relu_explains_under_a_weak_penalty_and_finds_under_a_strong_one(tmp_path, l1, explained, matched):
    rows, truth = planted(tmp_path / "rows")
    sae = train(rows, ReLU(width=24, l1=l1), tmp_path / "run", TrainingConfig(12, 256, 1e-2), "cpu")
    assert sae.about["metrics"]["explained_variance"] > explained
    assert recovery(sae.directions, truth).matched_fraction >= matched
