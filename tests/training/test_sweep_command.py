"""visae train --sweep and visae evaluate, from end to end."""

import json

import pytest

from visae import cli

SWEEP = """
[training]
epochs = 2
batch = 64
holdout = 0.5

[[sae]]
kind = "topk"
width = 64
k = [1, 3]
seed = [0, 1]

[[sae]]
kind = "relu"
width = 64
l1 = 1

[[sae]]
kind = "pca"
"""
NAMES = {*(f"topk-k{k}-seed{seed}" for k in (1, 3) for seed in (0, 1)), "relu", "pca"}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The rows of the planted network, and the file of a sweep."""
    place = tmp_path_factory.mktemp("sweep")
    images = ["--images", "leaves:20", "--crop", "64", "--positions", "32"]
    cli.main(["capture", "--network", "planted", "--layer", "mixed", *images, "--out", str(place / "rows")])
    (place / "sweep.toml").write_text(SWEEP)
    return place


@pytest.fixture(autouse=True)
def often():
    """Checkpoints and lines come when they do."""


def fails(capsys, *arguments):
    """The one line that a command prints as it exits with 2."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    assert stop.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("visae: ")]
    return line


def table_of(shown):
    """Rows of a printed table, by the name in the first column."""
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in shown.splitlines() if line.startswith("| ")]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:] if not set(row[0]) <= {"-"}}


def test_a_sweep_then_an_evaluation_with_images(swept, tmp_path, capsys):
    rows, out = ["--rows", str(swept / "rows")], tmp_path / "sweep"
    cli.main(["train", *rows, "--sweep", str(swept / "sweep.toml"), "--out", str(out)])
    shown = capsys.readouterr().out
    assert table_of(shown).keys() == NAMES
    assert {path.name for path in out.iterdir()} == {*NAMES, "evaluation.json", "frontier.png"}
    for name in NAMES:
        left = {path.name for path in (out / name).iterdir()}
        assert left == {"sae.safetensors", "log.jsonl", "firing.safetensors"}
    found = json.loads((out / "evaluation.json").read_text())["dictionaries"]
    for name, row in table_of(shown).items():
        assert row["EV"] == f"{found[name]['explained_variance']:.4f}"
        assert (row["stability"] != "") == name.startswith("topk")
    assert str(out / "evaluation.json") in shown
    assert str(out / "frontier.png") in shown
    before = (out / "relu" / "sae.safetensors").stat().st_mtime_ns
    cli.main(["train", *rows, "--sweep", str(swept / "sweep.toml"), "--out", str(out)])
    assert table_of(capsys.readouterr().out) == table_of(shown)
    assert (out / "relu" / "sae.safetensors").stat().st_mtime_ns == before

    cli.main(["evaluate", str(out), *rows, "--images", "leaves:8", "--crop", "64"])
    again = capsys.readouterr().out
    assert table_of(again).keys() == NAMES
    for name, row in table_of(again).items():
        assert {"matched", "F1"} <= row.keys()
        assert row["EV"] == table_of(shown)[name]["EV"]
    written = json.loads((out / "evaluation.json").read_text())["dictionaries"]
    assert 0 <= written["relu"]["mean_f1"] <= 1

    cli.main(["evaluate", str(out / "relu" / "sae.safetensors"), *rows])
    shown = capsys.readouterr().out
    assert table_of(shown).keys() == {"relu"}
    assert "plot:" not in shown
    assert (out / "relu" / "evaluation.json").exists()


NOT_EVALUATED = [
    (["{}/none"], "none does not exist"),
    (["{}"], "there is no sae.safetensors in"),
    (["{}", "--count", "0"], "--count is 0; it must be at least 1"),
    (["{}", "--count", "-3"], "--count is -3"),
]


@pytest.mark.parametrize(("arguments", "said"), NOT_EVALUATED)
def test_what_cannot_be_evaluated(swept, tmp_path, capsys, arguments, said):
    filled = [argument.format(tmp_path) for argument in arguments]
    assert said in fails(capsys, "evaluate", *filled, "--rows", str(swept / "rows"))


@pytest.mark.parametrize("more", [["--k", "3"], ["--sae", "relu"], ["--width", "8", "--l1", "2"], ["--origin", "mean"]])
def test_a_sweep_names_all_of_its_saes(swept, tmp_path, capsys, more):
    sweep = ["--sweep", str(swept / "sweep.toml"), "--out", str(tmp_path / "out")]
    said = fails(capsys, "train", "--rows", str(swept / "rows"), *sweep, *more)
    assert "--sweep names the SAEs, and so do --sae and its settings" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot read"), ("nothing", "is not TOML"), ("[[sae]]\nkind = 'x'", "kind of SAE")]
)
def test_a_sweep_that_is_none(swept, tmp_path, capsys, text, said):
    if text is not None:
        (tmp_path / "sweep.toml").write_text(text)
    sweep = ["--sweep", str(tmp_path / "sweep.toml"), "--out", str(tmp_path / "out")]
    assert said in fails(capsys, "train", "--rows", str(swept / "rows"), *sweep)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("old", "new"), [("--recipe", "--sweep"), ("--rouse", "--revive")])
def test_old_spellings_are_refused_with_the_new_one(swept, tmp_path, capsys, old, new):
    message = fails(capsys, "train", "--rows", str(swept / "rows"), old, "1", "--out", str(tmp_path / "out"))
    assert old in message
    assert new in message
