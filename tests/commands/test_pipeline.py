"""visae capture, train, evaluate and curves, each on what `visae run` left."""

import json
import shutil

import pytest
from command_line import fails
from PIL import Image

from visae import cli
from visae.images import Leaves

pytestmark = pytest.mark.slow

# As in conftest.py, from which nothing can be imported.
NETWORK = ["--network", "planted", "--layer", "mixed"]
IMAGES = ["--images", "leaves:20", "--crop", "64", "--positions", "32"]
SAE = ["--sae", "topk", "--k", "3", "--width", "64", "--rows-seen", "1024", "--batch", "128"]


@pytest.fixture
def rows(planted_run):
    """The option --rows."""
    return ["--rows", str(planted_run / "run" / "rows")]


def read_table(printed):
    """Return the rows of a printed table by their first cell, each as a dictionary by heading."""
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in printed.splitlines() if line.startswith("| ")]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:] if not set(row[0]) <= {"-"}}


def test_run_prints_where_its_report_and_plot_are(planted_run):
    printed = (planted_run / "printed.txt").read_text()
    for path in ("report.json", "curves/curves.png"):
        assert str(planted_run / "run" / path) in printed
        assert (planted_run / "run" / path).is_file()


def test_capture_leaves_the_rows_of_a_run(planted_run, tmp_path, capsys):
    cli.main(["capture", *NETWORK, *IMAGES, "--out", str(tmp_path)])
    assert "640 rows of 48" in capsys.readouterr().out
    shard = "shard-00000.safetensors"
    assert (tmp_path / shard).read_bytes() == (planted_run / "run" / "rows" / shard).read_bytes()


def test_capture_reads_several_layers_and_all_positions(tmp_path, capsys):
    layers = ["--network", "planted", "--layer", "mixed", "truth"]
    cli.main(["capture", *layers, *IMAGES[2:4], "--images", "leaves:3", "--positions", "all", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "mixed: 768 rows of 48" in printed
    assert "truth: 768 rows of 70" in printed


def test_train_leaves_the_dictionary_of_a_run(planted_run, rows, tmp_path, capsys):
    cli.main(["train", *rows, *SAE, "--out", str(tmp_path)])
    assert "topk, 64 features: explained variance" in capsys.readouterr().out
    dictionary = planted_run / "run" / "dictionary" / "sae.safetensors"
    assert (tmp_path / "sae.safetensors").read_bytes() == dictionary.read_bytes()


def test_train_takes_the_settings_of_other_kinds(rows, tmp_path, capsys):
    sae = ["--sae", "relu", "--l1", "1", "--width", "64", "--rows-seen", "1024", "--batch", "128"]
    cli.main(["train", *rows, *sae, "--out", str(tmp_path)])
    assert "relu, 64 features" in capsys.readouterr().out


def test_curves_counts_the_curve_detectors_of_a_dictionary(planted_run, tmp_path, capsys):
    cli.main(["curves", "--dictionary", str(planted_run / "run" / "dictionary"), "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    nulls = {"null: random directions, 3 seeds", "null: data rows, 3 seeds"}
    assert set(read_table(printed)) == {"neurons", "features"} | nulls
    assert "verdict: not a good dictionary: not converged" in printed
    assert (tmp_path / "curves.png").is_file()
    compared = json.loads((tmp_path / "curves.json").read_text())
    assert list(compared["nulls"]) == ["random directions", "data rows"]


def test_curves_of_a_dictionary_without_rows_has_no_nulls(planted_run, tmp_path, capsys):
    shutil.copytree(planted_run / "run" / "dictionary", tmp_path / "alone")
    cli.main(["curves", "--dictionary", str(tmp_path / "alone"), "--out", str(tmp_path / "curves")])
    printed = capsys.readouterr().out
    assert "neurons: " in printed
    assert "features: " in printed
    assert "null: " not in printed
    assert "verdict: " in printed
    assert "no evidence without nulls: give --rows" in printed


def test_run_names_and_counts_unreadable_images(tmp_path, capsys):
    leaves = Leaves(6, 64)
    for index in range(6):
        Image.fromarray(leaves.read(index)[0].permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    (tmp_path / "bad.jpg").write_bytes(b"")
    images = ["--images", str(tmp_path), "--resize", "64", "--crop", "64", "--positions", "all"]
    cli.main(["run", *NETWORK, *images, *SAE, "--out", str(tmp_path / "run")])
    captured = capsys.readouterr()
    assert "bad.jpg" in captured.err
    assert "6 read, 1 skipped" in captured.out
    assert json.loads((tmp_path / "run" / "report.json").read_text())["images_skipped"] == 1


def test_evaluate_looks_for_rows_beside_the_dictionary(planted_run, tmp_path, capsys):
    for name in ("dictionary", "rows"):
        shutil.copytree(planted_run / "run" / name, tmp_path / "run" / name)
    cli.main(["evaluate", str(tmp_path / "run" / "dictionary")])
    assert read_table(capsys.readouterr().out).keys() == {"topk"}
    far_away = tmp_path / "far" / "away" / "dictionary"
    shutil.copytree(planted_run / "run" / "dictionary", far_away)
    assert f"no rows/ beside {far_away}; give --rows" in fails(capsys, "evaluate", str(far_away))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{}/none"], "none does not exist"),
        (["{}"], "no sae.safetensors in"),
        (["{}", "--count", "0"], "--count is 0"),
        (["{}", "--count", "-3"], "--count is -3"),
    ],
)
def test_evaluate_refuses_what_is_no_dictionary_and_no_images(rows, tmp_path, capsys, arguments, words):
    assert words in fails(capsys, "evaluate", *(argument.format(tmp_path) for argument in arguments), *rows)


SWEEP = """
[training]
rows_seen = 640
batch = 64
holdout = 0.5

[[sae]]
kind = "topk"
width = 32
k = [1, 3]
seed = [0, 1]

[[sae]]
kind = "relu"
width = 32
l1 = 1

[[sae]]
kind = "pca"
"""
MEMBERS = {*(f"topk-k{k}-seed{seed}" for k in (1, 3) for seed in (0, 1)), "relu", "pca"}


@pytest.fixture
def sweep(tmp_path):
    """The options --sweep and --out."""
    (tmp_path / "sweep.toml").write_text(SWEEP)
    return ["--sweep", str(tmp_path / "sweep.toml"), "--out", str(tmp_path / "out")]


def test_a_sweep_is_trained_evaluated_and_drawn_and_then_evaluated_with_images(rows, sweep, tmp_path, capsys):
    out = tmp_path / "out"
    cli.main(["train", *rows, *sweep])
    printed = capsys.readouterr().out
    table = read_table(printed)
    assert table.keys() == MEMBERS
    assert {path.name for path in out.iterdir()} == {*MEMBERS, "evaluation.json", "frontier.png"}
    for name in MEMBERS:
        written = {path.name for path in (out / name).iterdir()}
        assert written == {"sae.safetensors", "log.jsonl", "firing.safetensors"}
    evaluated = json.loads((out / "evaluation.json").read_text())["dictionaries"]
    for name, row in table.items():
        assert row["EV"] == f"{evaluated[name]['explained_variance']:.4f}"
        assert (row["stability"] != "") == name.startswith("topk")
    assert str(out / "evaluation.json") in printed
    assert str(out / "frontier.png") in printed
    before = (out / "relu" / "sae.safetensors").stat().st_mtime_ns
    cli.main(["train", *rows, *sweep])
    assert read_table(capsys.readouterr().out) == table
    assert (out / "relu" / "sae.safetensors").stat().st_mtime_ns == before

    cli.main(["evaluate", str(out), *rows, "--images", "leaves:4", "--crop", "64"])
    with_images = read_table(capsys.readouterr().out)
    assert with_images.keys() == MEMBERS
    for name, row in with_images.items():
        assert {"matched", "F1"} <= row.keys()
        assert row["EV"] == table[name]["EV"]
    evaluated = json.loads((out / "evaluation.json").read_text())["dictionaries"]
    assert 0 <= evaluated["relu"]["mean_f1"] <= 1

    cli.main(["evaluate", str(out / "relu" / "sae.safetensors"), *rows])
    printed = capsys.readouterr().out
    assert read_table(printed).keys() == {"relu"}
    assert "plot:" not in printed
    assert (out / "relu" / "evaluation.json").exists()


@pytest.mark.parametrize("more", [["--k", "3"], ["--sae", "relu"], ["--width", "8", "--l1", "2"], ["--origin", "mean"]])
def test_a_sweep_leaves_no_room_for_the_options_of_a_single_sae(rows, sweep, tmp_path, capsys, more):
    message = fails(capsys, "train", *rows, *sweep, *more)
    assert "--sweep and --sae both define what to train" in message
    assert "--sae" in message
    assert not (tmp_path / "out").exists()


def test_options_that_a_sweep_overrides_are_named(rows, tmp_path, capsys):
    sweep = tmp_path / "sweep.toml"
    sweep.write_text("[training]\nrows_seen = 640\nbatch = 64\n\n[[sae]]\nkind = 'pca'\n")
    options = ["--rows-seen", "1280", "--batch", "64", "--lr", "0.01"]
    cli.main(["train", *rows, "--sweep", str(sweep), "--out", str(tmp_path / "out"), *options])
    lines = [line for line in capsys.readouterr().err.splitlines() if "overrides" in line]
    assert lines == [f"train: [training] in {sweep} overrides --rows-seen 1280 (640 there)"]


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot read"), ("nothing", "is not TOML"), ("[[sae]]\nkind = 'x'", "kind of SAE")]
)
def test_files_that_are_no_sweeps_are_refused(rows, sweep, tmp_path, capsys, text, words):
    (tmp_path / "sweep.toml").unlink()
    if text is not None:
        (tmp_path / "sweep.toml").write_text(text)
    assert words in fails(capsys, "train", *rows, *sweep)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("old", "new"), [("--recipe", "--sweep"), ("--rouse", "--revive")])
def test_old_spellings_are_refused_with_the_new_one(rows, tmp_path, capsys, old, new):
    message = fails(capsys, "train", *rows, old, "1", "--out", str(tmp_path / "out"))
    assert old in message
    assert new in message
