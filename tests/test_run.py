import json
import shutil

import pytest

import visae
from visae.activations import Positions
from visae.commands.printing import run_table
from visae.images import Leaves
from visae.run import run

pytestmark = pytest.mark.slow

FIXED = ["random directions", "data rows"]
FROZEN = ["frozen decoder", "soft-frozen decoder", "frozen encoder"]


def run_planted(out, **changes):
    options = {
        "network": visae.network("planted", device="cpu"),
        "layer": "mixed",
        "images": Leaves(20, 64),
        "config": visae.TopK(width=64, k=3),
        "out": out,
        "positions": Positions(count=32),
        "training": visae.TrainingConfig(rows_seen=1024, batch=128),
        "nulls": 2,
    }
    return run(**(options | changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run, and its report."""
    out = tmp_path_factory.mktemp("run")
    return out, run_planted(out)


def test_the_report_is_written_and_returned(finished):
    out, report = finished
    assert json.loads((out / "report.json").read_text()) == report
    assert report.items() >= {"network": "planted", "layer": "mixed", "images_skipped": 0}.items()
    assert report["rows"] == 20 * 32
    assert report["images_read"] == 20
    metrics = {"explained_variance", "normalised_mse", "l0", "dead_fraction", "gamma", "cosine"}
    metrics |= {"helping_fraction", "neurons_explained_variance", "bits", "neurons_bits", "effective_features"}
    metrics |= {"density_histogram", "frequent_fraction", "stability", "stability_by_chance"}
    assert set(report["sae"]) > {"kind", "width"} | metrics
    assert {"config", "settings", "seed"}.isdisjoint(report["sae"])
    assert report["verdict"].startswith("not a good dictionary: not converged after 1,024 rows")
    assert set(report["seconds"]) == {"capture", "train", "nulls", "evaluate", "curves"}
    assert set(report["recovery"]) == {"matched_fraction", "mean_cosine", "neurons_matched_fraction"}
    assert report["recovery"]["neurons_matched_fraction"] < 0.3


def test_the_second_seed_and_the_nulls_have_the_same_figures(finished):
    _, report = finished
    assert set(report["curves"]["neurons"]) == {"count", "max_gap_deg"}
    figures = set(report["curves"]["features"])
    assert figures >= {"count", "max_gap_deg", "confirmed", "in_gaps", "explained_variance", "l0"}
    assert set(report["curves"]["second seed"]) == figures
    assert list(report["nulls"]) == [*FIXED, *FROZEN, "stopped early"]
    for null in report["nulls"].values():
        assert [set(seed) for seed in null["seeds"]] == [figures] * 2
        assert null["l0"]["lowest"] <= null["l0"]["mean"] <= null["l0"]["highest"]


def test_nulls_can_be_left_out(finished, tmp_path):
    shutil.copytree(finished[0] / "rows", tmp_path / "rows")
    shutil.copytree(finished[0] / "dictionary", tmp_path / "dictionary")
    report = run_planted(tmp_path, nulls=0)
    assert report["nulls"] == {}
    assert report["headlines"] == []
    assert report["curves"]["neurons"] == finished[1]["curves"]["neurons"]
    assert report["curves"]["features"]["count"] == finished[1]["curves"]["features"]["count"]
    assert report["curves"]["features"]["confirmed"] is None
    assert "null:" not in run_table(report).split("confirmed: ")[0]


def test_each_step_leaves_its_files(finished):
    out, _ = finished
    expected = ["rows/manifest.json", "dictionary/sae.safetensors", "dictionary/log.jsonl"]
    expected += ["curves/curves.png", "curves/neurons.safetensors", "curves/features.safetensors"]
    assert all((out / name).is_file() for name in expected)


def test_finished_steps_are_not_repeated_and_keep_their_seconds(finished, tmp_path, monkeypatch):
    shutil.copytree(finished[0], tmp_path / "run")
    before = finished[1] | {"seconds": {"capture": 1e3, "train": 2e3, "nulls": 3e3, "evaluate": 4e3, "curves": 5e3}}
    (tmp_path / "run" / "report.json").write_text(json.dumps(before))
    monkeypatch.setattr("visae.training._group.Group.step", None)
    monkeypatch.setattr("visae.tuning._sweep._measure", None)
    assert run_planted(tmp_path / "run") == before


def test_an_older_report_keeps_its_seconds(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    older = {"schema": 1, "seconds": {"capture": 1000.0, "curves": 3000.0}}
    (tmp_path / "run" / "report.json").write_text(json.dumps(older))
    seconds = run_planted(tmp_path / "run")["seconds"]
    assert (seconds["capture"], seconds["curves"]) == (1000.0, 3000.0)


def test_other_settings_are_refused(finished):
    out, _ = finished
    with pytest.raises(visae.VisaeError, match=r"positions\.count was 32 and is now 16"):
        run_planted(out, positions=Positions(count=16))
    with pytest.raises(visae.VisaeError, match=r"config\.k was 3 and is now 4"):
        run_planted(out, config=visae.TopK(width=64, k=4))


def test_a_layer_without_planted_truth_and_held_out_images_reports_neither(tmp_path):
    training = visae.TrainingConfig(rows_seen=128, batch=128, holdout=0.0)
    report = run_planted(tmp_path, layer="truth", images=Leaves(4, 64), training=training, nulls=0)
    assert "recovery" not in report
    assert report["images_held_out"] == 0
    assert "none were held out" in run_table(report)
    assert "planted features" not in run_table(report)


def test_the_table_shows_the_report(finished):
    _, report = finished
    lines = run_table(report).splitlines()
    assert any(line.startswith("network") and "planted, mixed" in line for line in lines)
    assert any("found by the dictionary" in line for line in lines)
    assert any("on 2 held-out images" in line for line in lines)
