"""Superposition in curves at a small size, and the toys as its nulls."""

import json
from dataclasses import replace

import pytest
import torch

import visae
from visae import cli
from visae.activations import Positions, Rows
from visae.images import Leaves
from visae.papers.bag_of_words import BagTraining
from visae.papers.persian_rug import RugTraining
from visae.papers.superposition_in_curves import SETTINGS, BridgeSettings, measure, reproduce, toy_features
from visae.papers.superposition_in_curves._populations import CIRCLE, INDEPENDENT, RUG, held_out_rows
from visae.training import Budget
from visae.training._batches import Batches
from visae.training._train_layer import rows_folder

TRAINING = visae.TrainingConfig(rows_seen=12 * 3000, batch=512)


@pytest.mark.slow
def test_toys_are_nulls():
    settings = replace(SETTINGS["quick"], bags=BagTraining(epochs=60), rug=RugTraining(steps=400))
    result = {name: measure(features, 0) for name, features in toy_features(0.05, settings, 0, "cpu").items()}
    assert result[CIRCLE]["arrangement"]["r"] > 0.9
    assert result[CIRCLE]["ring"]["alike"] > 0.95
    assert result[CIRCLE]["interference"]["read"]["constructive"] > 0.6
    for name in (INDEPENDENT, RUG):
        arranged = result[name]["arrangement"]
        assert abs(arranged["r"] - arranged["shuffled_r"]) < 3.5 * arranged["shuffled_sd"]
        assert result[name]["interference"]["read"]["constructive"] == pytest.approx(0.5, abs=0.02)
    assert result[RUG]["ring"] is None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a small reproduction, and its report."""
    out = tmp_path_factory.mktemp("bridge")
    budget = Budget({"topk": lambda _: visae.TopK(k=2, width=128)}, TRAINING, Positions(count=64), images=4)
    settings = BridgeSettings("small", 320, BagTraining(epochs=4), 16, RugTraining(steps=20))
    network = visae.network("planted", device="cpu")
    return out, reproduce(network, ["mixed"], Leaves(80, 128), out, budget, settings)


@pytest.mark.slow
def test_report_page_and_plot(made):
    out, report = made
    assert json.loads((out / "superposition.json").read_text()) == report
    layer = report["layers"]["mixed"]
    assert list(layer["populations"]) == ["mixed features", CIRCLE, INDEPENDENT, RUG]
    assert layer["curves"] + layer["lines"] == layer["populations"]["mixed features"]["arrangement"]["features"] > 20
    assert 0 < layer["density"] < 0.2
    assert report["settings"] == "small"
    assert layer["rows"] == 320  # five of the eight images held out
    page = (out / "superposition-in-curves.md").read_text()
    assert "| mixed features " in page
    assert "measured on 320 rows" in page
    assert "neighbours kept" in page
    assert "![Features of mixed beside the toys](mixed/superposition.png)" in page
    assert (out / "mixed" / "superposition.png").stat().st_size > 20_000


@pytest.mark.slow
def test_held_out_rows_are_those_that_training_leaves_out(made):
    out, _ = made
    rows = Rows(rows_folder(out, "mixed"))
    held_out = torch.cat(list(Batches(rows, TRAINING).held_out()))
    index = held_out_rows(rows, TRAINING, 100_000)
    assert torch.equal(rows.gather(index), held_out)
    fewer = held_out_rows(rows, TRAINING, 200)
    assert len(fewer) == 192
    assert set(fewer.tolist()) < set(index.tolist())
    with pytest.raises(visae.VisaeError, match="none was held out"):
        held_out_rows(rows, replace(TRAINING, holdout=0), 200)


def test_bad_settings():
    with pytest.raises(visae.VisaeError, match="rows is 0 and features 64"):
        replace(SETTINGS["quick"], rows=0)
    with pytest.raises(visae.VisaeError, match="features 2"):
        replace(SETTINGS["quick"], features=2)


@pytest.mark.slow
def test_layer_without_curves(tmp_path):
    budget = Budget(
        {"topk": lambda _: visae.TopK(k=1, width=4)},
        visae.TrainingConfig(rows_seen=64, batch=64),
        Positions(count=16),
        images=2,
    )
    network = visae.network("planted", device="cpu")
    with pytest.raises(visae.VisaeError, match=r"line features; .* 3 or more"):
        reproduce(network, ["mixed"], Leaves(8, 96), tmp_path, budget)


def test_unknown_layer_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", "superposition-in-curves", "--layers", "mixd", "--out", str(tmp_path / "o")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "mixed" in error
    assert error.strip().count("\n") == 0
