"""The missing curve detectors: the report, its files and its page, on the planted network and on the real one."""

import json

import pytest
import torch

import visae
from visae import cli
from visae._support import files
from visae.activations import Positions
from visae.images import Leaves, Subset, open_images
from visae.papers.missing_curves import _gaps, _natural_tuning, _plots, _reproduce, reproduce
from visae.papers.missing_curves._dictionaries import UNIFORM
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._reproduce import SCHEMA
from visae.sae import MOD, Online, ReLU, TopK
from visae.training import Budget
from visae.tuning import GAP_DISTANCE, load_responses

pytestmark = pytest.mark.slow
KINDS = ["mod", "online", "relu", "topk"]
NULLS = ["random directions", "data rows", "stopped early", "frozen decoder"]


@pytest.fixture(scope="module", autouse=True)
def few_panels():
    """Drawing, and tuning in natural images, take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visae.tuning._populations._JOINT", 3)
        patch.setattr(_plots, "_RADIUS_UNITS", 2)
        patch.setattr(_plots, "_GAP_FEATURES", 2)
        yield


def configs(width, k):
    return {
        "mod": lambda channels: MOD(width=width(channels), k=k),
        "online": lambda channels: Online(width=width(channels), k=k),
        "relu": lambda channels: ReLU(width=width(channels)),
        "topk": lambda channels: TopK(width=width(channels), k=k),
    }


def run(out):
    network = visae.network("planted", device="cpu")
    training = visae.TrainingConfig(rows_seen=16_384, batch=512)
    budget = Budget(configs(lambda channels: 2 * channels, 2), training, Positions(count=64), images=3)
    return reproduce(network, ["mixed"], Leaves(60, 128), out, budget)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("missing")
    return out, run(out)


@pytest.fixture
def layer(made):
    return made[1]["layers"]["mixed"]


def copied(report):
    return json.loads(json.dumps(report))


def test_all_populations_are_measured_alike(layer):
    populations = layer["populations"]
    assert list(populations) == ["neurons", *KINDS, "PCA", "ICA", UNIFORM]
    assert [population["units"] for population in populations.values()] == [48, *[96] * 4, 48, 48, 96]
    for population in populations.values():
        # Units that never fire on the natural images have no deviation.
        assert population["curve_units"] == len(population["orientations"]) <= population["families"]["curve"]
        assert population["orientations"] == sorted(population["orientations"])
        assert len(population["grid"]) == 24
        default = next(row for row in population["grid"] if (row["selectivity"], row["echo"]) == (0.85, 0.05))
        assert default["count"] == population["curve_units"]
        assert default["largest_gap"] == population["largest_gap"]
        assert len(population["selectivity_histogram"]) == 20


def test_features_recover_curves_that_mixed_neurons_hide_and_random_directions_do_not(layer):
    """The claim itself, where it is known to be true."""
    populations, random = layer["populations"], layer["nulls"]["random directions"]
    assert populations["neurons"]["curve_units"] == 0
    assert populations["mod"]["curve_units"] > 30
    assert populations["mod"]["largest_gap"] <= 30
    # Every neuron's gap is the whole circle, and most of what `mod` finds there is found again; nothing random is.
    assert populations["mod"]["confirmed_in_gaps"] > 25
    assert random["confirmed_in_gaps"] == {"mean": 0, "lowest": 0, "highest": 0}
    assert random["curve_units"]["highest"] < populations["mod"]["curve_units"]
    about_curves = [line for line in layer["headlines"]["mod"] if "confirmed" in line or "curve detectors" in line]
    assert not [line for line in about_curves if line.startswith("random directions")]


def test_nulls_have_three_seeds_and_an_interval(layer):
    assert list(layer["nulls"]) == NULLS
    for null in layer["nulls"].values():
        assert len(null["seeds"]) == 3
        counts = [seed["curve_units"] for seed in null["seeds"]]
        assert null["curve_units"]["lowest"] == min(counts) <= null["curve_units"]["mean"] <= max(counts)
        assert null["families"]["line"]["highest"] == max(seed["families"]["line"] for seed in null["seeds"])
        assert all(seed["in_gaps"] == seed["curve_units"] for seed in null["seeds"])


def test_features_in_gaps_are_described(made, layer):
    out, _ = made
    rows = layer["in_gaps"]["mod"]
    assert rows
    sae = visae.load(out / "mixed" / "dictionaries" / "mod")
    for row in rows:
        assert row["nearest_curve_neuron"] >= GAP_DISTANCE == 15
        direction = torch.nn.functional.normalize(sae.directions[row["feature"]], dim=0)
        for neuron, weight in row["neurons"].items():
            assert direction[int(neuron)].item() == pytest.approx(weight)
        assert row["cosine_to_nearest_neuron"] == pytest.approx(direction.max().item())
        assert len(row["tuning"]) == 72
    population = layer["populations"]["mod"]
    assert population["help"] == sum(row["helps"] for row in rows)
    assert population["found_again"] == sum(row["found_again"] for row in rows)
    # Without curve neurons there is no reference for orientations in natural images.
    assert population["asked"] == 0
    assert population["counted"] is None
    assert {row["natural_disagreement"] for row in rows} == {None}


def test_tuning_of_detectors_is_reported(made, layer):
    out, _ = made
    features = layer["populations"]["mod"]
    summaries, header = files.read_tensors(out / "mixed" / "units.safetensors", SCHEMA)
    assert header["layer"] == "mixed"
    assert len(summaries["online.harmonics"]) == 96
    detectors = summaries["mod.selectivity"] >= 0.85
    assert detectors.sum() >= features["curve_units"]
    assert features["medians_of_curve_units"]["selectivity"] > 0.85
    assert features["medians_of_curve_units"]["line_or_curve"] < 0
    assert layer["populations"]["neurons"]["medians_of_curve_units"] == {}
    # No neuron is a curve detector, so there is no joint tuning of neurons.
    assert list(layer["natural"]) == KINDS
    natural = layer["natural"]["mod"]
    assert len(natural["units"]) == len(natural["examples"]) == 3
    saved = load_responses(out / "mixed" / "responses" / "mod-circle.safetensors")
    assert saved.values.shape == (96, 16, 72)


def test_rows_dictionaries_and_nulls_are_reused(made, monkeypatch):
    out, report = made
    assert json.loads((out / "report.json").read_text())["layers"] == copied(report["layers"])
    assert (out / "report.md").read_text() == curves_page(report)
    for name in ("curves.png", "coverage.png", "radius.png", "selectivity.png", "natural.png", "gaps-mod.png"):
        assert (out / "mixed" / name).read_bytes().startswith(b"\x89PNG")
    made_files = [path for path in out.glob("mixed/**/*") if path.suffix == ".safetensors"]
    made_files = [path for path in made_files if not {"responses", "mixed"} & {path.parent.name}]
    assert {path.parts[-2] for path in made_files} >= {"rows-magnitude", "rows-uniform", "relu-second-seed", "ICA", "2"}
    stamps = [path.stat().st_mtime_ns for path in made_files]
    # What follows training is not done again.
    monkeypatch.setattr(_reproduce, "measure_layer", None)
    with pytest.raises(TypeError):
        run(out)
    assert [path.stat().st_mtime_ns for path in made_files] == stamps


def test_the_page_states_what_is_not_comparable(made):
    report = made[1]
    page = curves_page(report)
    assert "This network, planted, is not the paper's" in page
    assert "60 images and 3,840 activations of a layer, not five billion" in page
    assert "| neurons " in page
    assert "No neuron is a curve detector" in page
    assert "This is the paper's network" in curves_page({**report, "network": "inceptionv1"})


def test_the_page_shows_nulls_and_what_they_match(made, layer):
    page = curves_page(made[1])
    for null in NULLS:
        assert f"| null: {null}, 3 seeds " in page
        assert f"| null: {null} " in page
    for line in [*layer["headlines"]["mod"], *layer["headlines"]["relu"]]:
        assert f"- {line}" in page
    report = copied(made[1])
    report["layers"]["mixed"]["headlines"] = {kind: ["data rows: as many"] * (kind != "mod") for kind in KINDS}
    page = curves_page(report)
    assert "No null matches any figure of `mod`." in page
    assert "Figures of `relu` that a null matches:\n\n- data rows: as many" in page


def test_the_page_tells_what_counts_from_what_was_not_asked(made):
    report = copied(made[1])
    layer = report["layers"]["mixed"]
    population = layer["populations"]["mod"]
    layer["populations"]["neurons"]["curve_units"] = 2
    row = {**layer["in_gaps"]["mod"][0], "helps": True, "found_again": True}
    asked = {**row, "feature": 7, "asked": True, "natural_disagreement": 3.0, "agrees": True, "counted": True}
    left = {**row, "feature": 9, "asked": False, "natural_disagreement": None, "agrees": None, "counted": None}
    layer["in_gaps"] = {kind: ([left] * 13 + [asked]) * (kind == "mod") for kind in KINDS}
    population |= _gaps.gap_counts(layer["in_gaps"]["mod"])
    page = curves_page(report)
    assert "No curve among the features of `topk` lies 15° or more" in page
    assert "Among the features of `mod`, 14 curves lie 15° or more" in page
    assert "Photographs were asked about 1 of them. Counted: 7." in page
    assert "2 more are in report.json" in page
    assert "| 14, 1 counted, 13 undecided " in page
    gaps = page[page.index("Among the features of `mod`") :]
    assert gaps.index("| **7** ") < gaps.index("| 9 ")
    assert page.count("| not asked ") == 11
    assert "| 1 of 1 " in page


def test_undefined_metrics_are_left_out_of_the_page(made):
    report = copied(made[1])
    layer = report["layers"]["mixed"]
    layer["populations"]["mod"]["medians_of_curve_units"] |= {"polarity": None, "width": None}
    layer["natural"] = {}
    for row in layer["in_gaps"]["mod"]:
        row |= {"asked": True, "natural_disagreement": None}
    page = curves_page(report)
    assert "None" not in page
    assert "nan" not in page


def test_on_the_real_network(data, tmp_path, monkeypatch):
    """A layer with curve neurons, so that photographs are asked; what the report shows is judged elsewhere."""
    monkeypatch.setattr(_gaps, "ASKED", 1)
    monkeypatch.setattr(_natural_tuning, "_EXAMPLES", 2)
    monkeypatch.setattr(_reproduce, "draw_layer", lambda *_: None)
    network = visae.network("inceptionv1-caffe", data / "weights", device="cpu")
    photographs = Subset(open_images(data / "images" / "kodak", crop=224), range(12))
    training = visae.TrainingConfig(rows_seen=1024, batch=256)
    budget = Budget(configs(lambda _: 48, 4), training, Positions(count=64), images=2)
    report = reproduce(network, ["mixed3b_5x5"], photographs, tmp_path, budget)
    layer = report["layers"]["mixed3b_5x5"]
    # Known from the whole sweep (docs/results/missing_curves.md).
    assert layer["populations"]["neurons"]["families"]["curve"] == 23
    assert len(layer["natural"]["neurons"]["units"]) == 3
    seeds = [seed for null in layer["nulls"].values() for seed in null["seeds"]]
    assert all(seed["asked"] == min(seed["in_gaps"], 1) for seed in seeds)
    assert any(seed["asked"] for seed in seeds)
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
