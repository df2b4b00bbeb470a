import json

import pytest
import torch

import visae
from visae import cli
from visae._support import files
from visae.activations import Positions
from visae.images import Leaves, open_images
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._reproduce import RELU, SCHEMA, UNIFORM, missing_curves
from visae.training._layer import Budget
from visae.tuning import load_responses


def _small(channels):
    return visae.TopK(k=2, width=3 * channels)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("missing")
    network = visae.network("planted", device="cpu")
    training = visae.TrainingConfig(epochs=2, batch=512)
    budget = Budget(_small, training, Positions(count=64), images=8)
    return out, missing_curves(network, ["mixed"], Leaves(24, 128), out, budget)


def test_every_population_is_measured_alike(made):
    _, report = made
    populations = report["layers"]["mixed"]["populations"]
    assert list(populations) == ["neurons", "features", RELU, "PCA", "ICA", "random", UNIFORM]
    assert [of["units"] for of in populations.values()] == [48, 144, 144, 48, 48, 144, 144]
    for of in populations.values():
        # A unit that never fires on the natural images has no measure.
        assert of["curve_units"] == len(of["orientations"]) <= of["families"]["curve"]
        assert of["orientations"] == sorted(of["orientations"])
        assert len(of["grid"]) == 24
        at = next(row for row in of["grid"] if (row["selectivity"], row["echo"]) == (0.85, 0.05))
        assert at["count"] == of["curve_units"]
        assert at["largest_gap"] == of["largest_gap"]
        assert len(of["selectivity_histogram"]) == 20


def test_features_find_what_mixed_neurons_do_not_show(made):
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
        assert row["nearest_curve_neuron"] >= 15
        direction = torch.nn.functional.normalize(sae.directions[row["feature"]], dim=0)
        for neuron, weight in row["neurons"].items():
            assert direction[int(neuron)].item() == pytest.approx(weight)
        assert row["cosine_to_nearest_neuron"] == pytest.approx(direction.max().item())
        assert len(row["tuning"]) == 72
    # There is no curve neuron from which the orientation in natural images could be seen.
    assert all(row["asked"] for row in rows[:12])
    assert {row["natural_disagreement"] for row in rows} == {None}


def test_what_detectors_are_like_is_told(made):
    out, report = made
    found = report["layers"]["mixed"]
    features = found["populations"]["features"]
    summaries, header = files.read_tensors(out / "mixed" / "units.safetensors", SCHEMA)
    assert header["layer"] == "mixed"
    assert len(summaries["random.harmonics"]) == 144
    detectors = summaries["features.selectivity"] >= 0.85
    assert detectors.sum() >= features["curve_units"]
    assert features["medians_of_curve_units"]["selectivity"] > 0.85
    assert features["medians_of_curve_units"]["line_or_curve"] < 0
    assert found["populations"]["neurons"]["medians_of_curve_units"] == {}
    # No neuron is a curve detector: there is nothing of which joint tuning could be measured.
    assert "neurons" not in found["natural"]
    natural = found["natural"]["features"]
    assert len(natural["units"]) == len(natural["examples"]) >= min(features["curve_units"], 24)
    saved = load_responses(out / "mixed" / "responses" / "features-circle.safetensors")
    assert saved.values.shape == (144, 16, 72)


def test_files_are_left_and_used_again(made):
    out, report = made
    assert json.loads((out / "report.json").read_text())["layers"] == json.loads(json.dumps(report["layers"]))
    assert (out / "report.md").read_text() == curves_page(report)
    for name in ("curves.png", "coverage.png", "radius.png", "selectivity.png", "natural.png", "gaps-features.png"):
        assert (out / "mixed" / name).read_bytes().startswith(b"\x89PNG")
    stamp = (out / "mixed" / "dictionaries" / "features" / "sae.safetensors").stat().st_mtime_ns
    network = visae.network("planted", device="cpu")
    budget = Budget(_small, visae.TrainingConfig(epochs=2, batch=512), Positions(count=64), images=8)
    again = missing_curves(network, ["mixed"], Leaves(24, 128), out, budget)
    assert again == report
    assert (out / "mixed" / "dictionaries" / "features" / "sae.safetensors").stat().st_mtime_ns == stamp


def test_the_page_says_what_is_not_comparable(made):
    page = curves_page(made[1])
    assert "This network, planted, is not the paper's" in page
    assert "24 images and 1,536 activations of a layer, not five billion" in page
    assert "| neurons " in page
    assert "No neuron is a curve detector" in page
    assert "It explains little of the layer" in page
    some = _without_gaps(made[1])
    some["layers"]["mixed"]["populations"]["neurons"]["curve_units"] = 2
    assert "No curve among the features lies" in curves_page(some)
    some["layers"]["mixed"]["in_gaps"] = {
        name: rows[:1] for name, rows in made[1]["layers"]["mixed"]["in_gaps"].items()
    }
    assert "Of the features, 1 curve lies 15° or more" in curves_page(some)
    assert "This is the paper's network" in curves_page({**made[1], "network": "inceptionv1"})


def test_figures_that_are_not_defined_are_left_out_of_the_page(made):
    report = json.loads(json.dumps(made[1]))
    of = report["layers"]["mixed"]["populations"]["features"]
    of["medians_of_curve_units"] |= {"polarity": None, "width": None}
    report["layers"]["mixed"]["natural"] = {}
    for row in report["layers"]["mixed"]["in_gaps"]["features"]:
        row |= {"asked": True, "natural_disagreement": None}
    page = curves_page(report)
    assert "None" not in page
    assert "nan" not in page


def _without_gaps(report):
    copied = json.loads(json.dumps(report))
    copied["layers"]["mixed"]["in_gaps"] = {"features": [], RELU: []}
    return copied


def test_on_the_real_network(data, tmp_path):
    """The whole of it in small, over layers that differ in everything; what it says is looked at elsewhere."""
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = open_images(data / "images" / "kodak", crop=224)

    def recipe(channels):
        return visae.TopK(k=4, width=channels)

    budget = Budget(recipe, visae.TrainingConfig(epochs=2, batch=256), Positions(count=64), images=4)
    layers = ["conv2d0", "mixed3b_5x5"]
    report = missing_curves(network, layers, photographs, tmp_path, budget)
    assert list(report["layers"]) == layers
    # Without SAEs in between these are known from the whole sweep (README).
    assert report["layers"]["mixed3b_5x5"]["populations"]["neurons"]["families"]["curve"] == 23
    assert report["layers"]["conv2d0"]["populations"]["neurons"]["curve_units"] == 0
    page = (tmp_path / "report.md").read_text()
    assert "inceptionv1-caffe, is not the paper's" in page
    assert "| paper's ten neurons" in page


def test_bad_input_is_one_line(tmp_path, capsys):
    for arguments, words in (
        (["--layers", "mixd"], "mixed"),
        (["--network", "planet"], "planted"),
        (["--images", str(tmp_path / "none")], "none"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["reproduce", "missing-curves", "--out", str(tmp_path / "o"), *arguments])
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.strip().count("\n") == 0
