import json

import pytest

import visae
from visae._support.tables import table
from visae.activations import Positions
from visae.images import Leaves
from visae.run import run

REPORT = {
    "network": "planted",
    "layer": "mixed",
    "images_skipped": 0,
}


def small(out, **changes):
    options = {
        "network": visae.network("planted", device="cpu"),
        "layer": "mixed",
        "images": Leaves(40, 64),
        "recipe": visae.TopK(width=64, k=3),
        "out": out,
        "positions": Positions(count=32),
        "training": visae.TrainingConfig(epochs=2, batch=256),
    }
    return run(**(options | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return out, small(out)


def test_report_has_what_is_promised(finished):
    out, report = finished
    assert json.loads((out / "report.json").read_text()) == report
    assert report.items() >= REPORT.items()
    assert report["rows"] == 40 * 32
    assert report["images_read"] == 40
    figures = {"explained_variance", "normalised_mse", "l0", "dead_fraction", "gamma", "cosine"}
    assert set(report["sae"]) == {"kind", "width"} | figures
    for kind in ("neurons", "features"):
        assert set(report["curves"][kind]) == {"count", "max_gap_deg"}
    assert set(report["seconds"]) == {"capture", "train", "curves"}
    assert set(report["recovery"]) == {"matched_fraction", "mean_cosine", "neurons_matched_fraction"}
    assert report["recovery"]["neurons_matched_fraction"] < 0.3


def test_files_are_where_they_are_promised(finished):
    out, _ = finished
    expected = ["rows/manifest.json", "dictionary/sae.safetensors", "dictionary/log.jsonl"]
    expected += ["curves/curves.png", "curves/neurons.safetensors", "curves/features.safetensors"]
    assert all((out / name).is_file() for name in expected)


def test_finished_steps_are_not_done_again(finished, monkeypatch):
    out, report = finished
    monkeypatch.setattr("visae.training._group.Group.step", None)
    again = small(out)
    assert {**again, "seconds": 0} == {**report, "seconds": 0}
    for step in ("capture", "train"):
        assert again["seconds"][step] == report["seconds"][step]


def test_other_settings_are_refused(finished):
    out, _ = finished
    with pytest.raises(visae.VisaeError, match=r"positions\.count was 32 and is now 16"):
        small(out, positions=Positions(count=16))
    with pytest.raises(visae.VisaeError, match=r"recipe\.k was 3 and is now 4"):
        small(out, recipe=visae.TopK(width=64, k=4))


def test_recovery_is_of_the_layer_in_which_the_truth_is_mixed(tmp_path):
    report = small(tmp_path, layer="truth")
    assert "recovery" not in report


def test_figures_say_what_they_were_measured_on(tmp_path, finished):
    assert "on 4 held-out images" in table(finished[1])
    report = small(tmp_path, training=visae.TrainingConfig(epochs=1, batch=256, holdout=0.0))
    assert report["images_held_out"] == 0
    assert "none were held out" in table(report)


def test_table_shows_the_report(finished):
    _, report = finished
    lines = table(report).splitlines()
    assert any(line.startswith("network") and "planted, mixed" in line for line in lines)
    assert any("found by the dictionary" in line for line in lines)
    assert not any("planted truth" in line for line in table({k: v for k, v in report.items() if k != "recovery"}))
