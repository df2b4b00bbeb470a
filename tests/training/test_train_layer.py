"""The dictionary of one layer: default budgets, and reuse of rows and dictionaries."""

from dataclasses import replace

import pytest

import visae
from visae._support.errors import VisaeError
from visae.images import Leaves
from visae.training import TrainingConfig, default_budget, train_layer


def test_the_default_budget_depends_on_the_layer_and_the_kind():
    real, planted = default_budget("inceptionv1-caffe"), default_budget("planted:0.5")
    assert list(real.configs) == list(planted.configs) == ["mod", "online", "relu", "topk"]
    assert all(real.config(96, kind).kind == kind for kind in real.configs)
    assert real.config(96).kind == "mod"
    # A pursuit's description is shortest with half as many features a position.
    assert [(real.config(96, kind).k, real.config(96, kind).width) for kind in ("mod", "online", "topk")] == [
        (4, 768),
        (4, 768),
        (8, 768),
    ]
    assert [(real.config(480, kind).k, real.config(480, kind).width) for kind in ("mod", "topk")] == [
        (20, 3840),
        (40, 3840),
    ]
    assert [real.config(8, kind).k for kind in ("mod", "topk")] == [2, 1]
    assert (real.training.rows_seen, planted.training.rows_seen) == (TrainingConfig.rows_seen, 2_000_000)
    assert [(planted.config(48, kind).k, planted.config(48, kind).width) for kind in ("mod", "topk")] == [(2, 128)] * 2


def test_arguments_override_the_default_budget():
    budget = default_budget("planted", k=3, width=64, rows_seen=500, lr=0.1, positions=9, seed=4, l1=5.0)
    for kind in ("mod", "online", "topk"):
        assert (budget.config(48, kind).k, budget.config(48, kind).width) == (3, 64)
    assert (budget.config(48, "relu").l1, budget.config(48, "relu").width) == (5.0, 64)
    assert (budget.training.rows_seen, budget.training.lr, budget.training.seed) == (500, 0.1, 4)
    assert (budget.positions.count, budget.positions.seed) == (9, 4)


def test_values_out_of_range_are_refused():
    for kind in ("mod", "topk"):
        with pytest.raises(VisaeError, match="k is 0"):
            default_budget("planted", k=0).config(48, kind)
    with pytest.raises(VisaeError, match="rows_seen"):
        default_budget("planted", rows_seen=0)


@pytest.mark.slow
def test_a_dictionary_is_made_once(tmp_path):
    network, images = visae.network("planted", device="cpu"), Leaves(6, 64)
    budget = default_budget("planted", width=32, rows_seen=80, positions=16)
    budget = replace(budget, training=replace(budget.training, batch=32))
    rows, sae = train_layer(network, "mixed", images, tmp_path, budget)
    assert len(rows) == 6 * 16
    path = tmp_path / "mixed" / "dictionaries" / "mod" / "sae.safetensors"
    stamp = path.stat().st_mtime_ns
    again = train_layer(network, "mixed", images, tmp_path, budget)[1]
    assert path.stat().st_mtime_ns == stamp
    assert again.directions.equal(sae.directions)
    assert train_layer(network, "mixed", images, tmp_path, budget, "topk")[1].config.kind == "topk"
    other = replace(budget, training=replace(budget.training, rows_seen=160))
    with pytest.raises(VisaeError, match="other settings"):
        train_layer(network, "mixed", images, tmp_path, other)
