"""The missing curve detectors: the report, its files and its page, on the planted network and on the real one."""

import json

import pytest
import torch

import visae
from visae import cli
from visae._support import files
from visae.activations import Positions
from visae.images import Leaves, Subset, open_images
from visae.papers.missing_curves import _plots, _reproduce, reproduce
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._populations import RELU, UNIFORM
from visae.papers.missing_curves._reproduce import SCHEMA
from visae.training import Budget
from visae.tuning import GAP_DISTANCE, load_responses

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def few_panels():
    """Drawing takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_plots, "_RADIUS_UNITS", 2)
        patch.setattr(_plots, "_GAP_FEATURES", 2)
        yield


def run(out):
    network = visae.network("planted", device="cpu")
    training = visae.TrainingConfig(rows_seen=2048, batch=512)
    budget = Budget(lambda channels: visae.TopK(k=2, width=3 * channels), training, Positions(count=64), images=3)
    return reproduce(network, ["mixed"], Leaves(24, 128), out, budget)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("missing")
    return out, run(out)


def copied(report):
    return json.loads(json.dumps(report))


def test_all_populations_are_measured_alike(made):
    _, report = made
    populations = report["layers"]["mixed"]["populations"]
    assert list(populations) == ["neurons", "features", RELU, "PCA", "ICA", "random", UNIFORM]
    assert [population["units"] for population in populations.values()] == [48, 144, 144, 48, 48, 144, 144]
    for population in populations.values():
        # Units that never fire on the natural images have no deviation.
        assert population["curve_units"] == len(population["orientations"]) <= population["families"]["curve"]
        assert population["orientations"] == sorted(population["orientations"])
        assert len(population["grid"]) == 24
        default = next(row for row in population["grid"] if (row["selectivity"], row["echo"]) == (0.85, 0.05))
        assert default["count"] == population["curve_units"]
        assert default["largest_gap"] == population["largest_gap"]
        assert len(population["selectivity_histogram"]) == 20


def test_features_recover_curves_that_mixed_neurons_hide(made):
    """The claim itself, where it is known to be true."""
    populations = made[1]["layers"]["mixed"]["populations"]
    assert populations["neurons"]["curve_units"] == 0
    assert populations["features"]["curve_units"] > 5
    assert populations["random"]["curve_units"] <= 2


def test_features_in_gaps_are_described(made):
    out, report = made
    rows = report["layers"]["mixed"]["in_gaps"]["features"]
    assert rows
    sae = visae.load(out / "mixed" / "dictionaries" / "features")
    for row in rows:
        assert row["nearest_curve_neuron"] >= GAP_DISTANCE == 15
        direction = torch.nn.functional.normalize(sae.directions[row["feature"]], dim=0)
        for neuron, weight in row["neurons"].items():
            assert direction[int(neuron)].item() == pytest.approx(weight)
        assert row["cosine_to_nearest_neuron"] == pytest.approx(direction.max().item())
        assert len(row["tuning"]) == 72
    # Without curve neurons there is no reference for orientations in natural images.
    assert all(row["asked"] for row in rows[:12])
    assert {row["natural_disagreement"] for row in rows} == {None}


def test_tuning_of_detectors_is_reported(made):
    out, report = made
    layer = report["layers"]["mixed"]
    features = layer["populations"]["features"]
    summaries, header = files.read_tensors(out / "mixed" / "units.safetensors", SCHEMA)
    assert header["layer"] == "mixed"
    assert len(summaries["random.harmonics"]) == 144
    detectors = summaries["features.selectivity"] >= 0.85
    assert detectors.sum() >= features["curve_units"]
    assert features["medians_of_curve_units"]["selectivity"] > 0.85
    assert features["medians_of_curve_units"]["line_or_curve"] < 0
    assert layer["populations"]["neurons"]["medians_of_curve_units"] == {}
    # No neuron is a curve detector, so there is no joint tuning of neurons.
    assert "neurons" not in layer["natural"]
    natural = layer["natural"]["features"]
    assert len(natural["units"]) == len(natural["examples"]) >= min(features["curve_units"], 24)
    saved = load_responses(out / "mixed" / "responses" / "features-circle.safetensors")
    assert saved.values.shape == (144, 16, 72)


def test_rows_and_dictionaries_are_reused(made, monkeypatch):
    out, report = made
    assert json.loads((out / "report.json").read_text())["layers"] == copied(report["layers"])
    assert (out / "report.md").read_text() == curves_page(report)
    for name in ("curves.png", "coverage.png", "radius.png", "selectivity.png", "natural.png", "gaps-features.png"):
        assert (out / "mixed" / name).read_bytes().startswith(b"\x89PNG")
    made_files = [path for path in out.glob("mixed/*/**/*") if path.suffix and "responses" not in path.parts]
    assert {path.parts[-2] for path in made_files} >= {"rows-magnitude", "rows-uniform", "features", "relu", "ICA"}
    stamps = [path.stat().st_mtime_ns for path in made_files]
    monkeypatch.setattr(_reproduce, "draw_layer", lambda *_: None)
    assert run(out) == report
    assert [path.stat().st_mtime_ns for path in made_files] == stamps


def test_the_page_states_what_is_not_comparable(made):
    report = made[1]
    page = curves_page(report)
    assert "This network, planted, is not the paper's" in page
    assert "24 images and 1,536 activations of a layer, not five billion" in page
    assert "| neurons " in page
    assert "No neuron is a curve detector" in page
    assert "explains little of the layer" in page
    assert "This is the paper's network" in curves_page({**report, "network": "inceptionv1"})


def test_the_page_counts_features_in_gaps(made):
    report = copied(made[1])
    layer = report["layers"]["mixed"]
    in_gaps = layer["in_gaps"]
    layer["populations"]["neurons"]["curve_units"] = 2
    layer["in_gaps"] = {"features": [], RELU: []}
    assert "No curve among the features lies 15° or more" in curves_page(report)
    layer["in_gaps"] = {name: rows[:1] for name, rows in in_gaps.items()}
    assert "Among the features, 1 curve lies 15° or more" in curves_page(report)
    rows = [{**in_gaps["features"][0], "natural_disagreement": disagreement} for disagreement in (3.0, 15.0)]
    layer["in_gaps"] = {"features": rows * 7, RELU: []}
    page = curves_page(report)
    assert "Among the features, 14 curves lie 15° or more" in page
    assert "2 more are in report.json" in page
    assert "| 14 (7 of 14) " in page
    assert page.count("| 3° off ") == page.count("| 15° off ") == 6


def test_undefined_metrics_are_left_out_of_the_page(made):
    report = copied(made[1])
    layer = report["layers"]["mixed"]
    layer["populations"]["features"]["medians_of_curve_units"] |= {"polarity": None, "width": None}
    layer["natural"] = {}
    for row in layer["in_gaps"]["features"]:
        row |= {"asked": True, "natural_disagreement": None}
    page = curves_page(report)
    assert "None" not in page
    assert "nan" not in page


def test_on_the_real_network(data, tmp_path, monkeypatch):
    """Layers that differ in everything, one of them with curve neurons; what the report shows is judged elsewhere."""
    # Fewer units are tuned on natural images.
    monkeypatch.setattr("visae.tuning._populations._JOINT", 4)
    monkeypatch.setattr(_reproduce, "_CHECKED", 2)
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = Subset(open_images(data / "images" / "kodak", crop=224), range(12))
    training = visae.TrainingConfig(rows_seen=1024, batch=256)
    budget = Budget(lambda channels: visae.TopK(k=4, width=channels), training, Positions(count=64), images=2)
    layers = ["conv2d0", "mixed3b_5x5"]
    report = reproduce(network, layers, photographs, tmp_path, budget)
    assert list(report["layers"]) == layers
    curved = report["layers"]["mixed3b_5x5"]
    # Known from the whole sweep (docs/results/missing_curves.md).
    assert curved["populations"]["neurons"]["families"]["curve"] == 23
    assert report["layers"]["conv2d0"]["populations"]["neurons"]["curve_units"] == 0
    assert len(curved["natural"]["neurons"]["units"]) == 4
    page = (tmp_path / "report.md").read_text()
    assert "inceptionv1-caffe, is not the paper's" in page
    assert "| paper's ten neurons" in page


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["--layers", "mixd"], "mixed"), (["--network", "planet"], "planted"), (["--images", "nowhere"], "nowhere")],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, name):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", "missing-curves", "--out", str(tmp_path / "o"), *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert name in error
    assert error.strip().count("\n") == 0
