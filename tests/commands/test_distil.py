"""visae distil."""

import re

from command_line import fails

from visae import cli
from visae.sae import load


def test_a_dictionary_is_distilled_with_the_rows_beside_it(planted_run, tmp_path, capsys):
    arguments = ["--steps", "1", "--rows-seen", "2000", "--batch", "500", "--out", str(tmp_path / "fast")]
    cli.main(["distil", str(planted_run / "run" / "dictionary"), *arguments])
    printed = capsys.readouterr().out
    sae = load(tmp_path / "fast")
    assert (sae.config.kind, sae.config.steps) == ("unrolled", 1)
    teacher, student = re.findall(r"explained variance (\S+)", printed)
    assert teacher == f"{sae.about['distilled']['teacher_explained_variance']:.4f}"
    assert student == f"{sae.about['metrics']['explained_variance']:.4f}"


def test_the_dictionary_is_not_overwritten(planted_run, capsys):
    dictionary = str(planted_run / "run" / "dictionary")
    assert "where the dictionary itself is" in fails(capsys, "distil", dictionary, "--out", dictionary)


def test_no_steps_are_refused(planted_run, tmp_path, capsys):
    dictionary = str(planted_run / "run" / "dictionary")
    message = fails(capsys, "distil", dictionary, "--steps", "0", "--out", str(tmp_path / "x"))
    assert "--steps is 0; it must be at least 1" in message
