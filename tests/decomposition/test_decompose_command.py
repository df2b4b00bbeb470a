"""visae decompose."""

from functools import partial

import pytest

from visae import cli, training

pytestmark = pytest.mark.slow


def test_the_command_prints_parts_and_ranking(made, tmp_path, capsys):
    sae = str(made[0] / "sae")
    cli.main(["decompose", "--dictionary", sae, "--neuron", "mixed:3", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "mixed:3 decomposes into" in printed
    assert "| examples" not in printed
    assert (tmp_path / "neuron-3.png").read_bytes().startswith(b"\x89PNG")
    cli.main(["decompose", "--dictionary", sae, "--neuron", "3", "--images", "leaves:8"])
    printed = capsys.readouterr().out
    assert "| examples" in printed
    assert "of the 8 images in which the neuron fires most" in printed
    cli.main(["decompose", "--dictionary", sae])
    assert "neurons of mixed have two meanings or more" in capsys.readouterr().out


def test_without_a_dictionary_one_is_made_and_reused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(training, "default_budget", partial(training.default_budget, rows_seen=20_000))
    arguments = ["decompose", "--neuron", "mixed:3", "--images", "leaves:20", "--out", str(tmp_path)]
    cli.main(arguments)
    first = capsys.readouterr().out
    assert "mixed:3 decomposes into" in first
    made = tmp_path / "mixed" / "dictionaries" / "mod" / "sae.safetensors"
    stamp = made.stat().st_mtime_ns
    cli.main(arguments)
    assert capsys.readouterr().out == first
    assert made.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--neuron", "48"], "there is no neuron 48 in mixed; it has 48, from 0 to 47"),
        (["--neuron", "mixd:3"], "the dictionary is of mixed; give mixed:NUMBER"),
        (["--neuron", "three"], "give a number, or mixed:NUMBER"),
        (["--neuron", "-1"], "there is no neuron -1 in mixed; it has 48, from 0 to 47"),
        (["--out", "somewhere"], "--neuron"),
        (["--rows", "nowhere"], "nowhere"),
        (["--images", "nowhere", "--neuron", "3"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(made, capsys, arguments, message):
    refused(["--dictionary", str(made[0] / "sae"), *arguments], message, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "without --dictionary one is trained: give --out"),
        (["--network", "inceptionv1", "--neuron", "mixed3b:359", "--out", "o"], "give --out, its folder, and"),
        (["--neuron", "mixd:3", "--out", "o"], "mixed"),
        (["--neuron", "mixed:48", "--out", "o"], "there is no neuron 48 in mixed"),
    ],
)
def test_without_a_dictionary_bad_input_is_one_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    refused(arguments, message, capsys)
    assert not list(tmp_path.iterdir())


def refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["decompose", *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.strip().count("\n") == 0
