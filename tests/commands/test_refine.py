"""visae refine."""

import re

from command_line import fails

from visae import cli
from visae.sae import PursuitSAE, load


def test_a_dictionary_is_refined_with_the_rows_beside_it(planted_run, tmp_path, capsys):
    cli.main(["refine", str(planted_run / "run" / "dictionary"), "--out", str(tmp_path / "refined")])
    printed = capsys.readouterr().out
    own, pursuit = (float(value) for value in re.findall(r"explained variance (\S+)", printed))
    assert pursuit > own
    sae = load(tmp_path / "refined")
    assert isinstance(sae, PursuitSAE)
    assert f"{sae.about['metrics']['explained_variance']:.4f}" == f"{pursuit:.4f}"
    assert sae.about["settings"]["refined"]["kind"] == load(planted_run / "run" / "dictionary").config.kind


def test_an_l0_below_one_is_refused(planted_run, tmp_path, capsys):
    dictionary = str(planted_run / "run" / "dictionary")
    message = fails(capsys, "refine", dictionary, "--l0", "0.5", "--out", str(tmp_path / "x"))
    assert "--l0 is 0.5" in message


def test_the_folder_of_the_dictionary_is_refused(planted_run, capsys):
    dictionary = planted_run / "run" / "dictionary"
    for given in (dictionary, dictionary / "sae.safetensors"):
        message = fails(capsys, "refine", str(given), "--out", str(dictionary))
        assert "--out is the folder of the dictionary" in message
    assert not isinstance(load(dictionary), PursuitSAE) or "refined" not in load(dictionary).about["settings"]
