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


def test_an_l0_below_one_is_refused(planted_run, tmp_path, capsys):
    message = fails(
        capsys, "refine", str(planted_run / "run" / "dictionary"), "--l0", "0.5", "--out", str(tmp_path / "x")
    )
    assert "--l0 is 0.5" in message
