"""What is said of a run."""

import json
import math

import pytest
import torch

import visae
from visae.atlas._run_page import run_page


def test_log_frontier_and_card(tmp_path):
    sae = visae.TopK(width=8, k=2).build(48, torch.Generator().manual_seed(0))
    sae.about = {"layer": "mixed", "figures": {"l0": 2.0, "explained_variance": float("nan")}}
    network = visae.network("planted", device="cpu")
    folder = tmp_path / "topk"
    folder.mkdir()
    (folder / "log.jsonl").write_text('{"step": 0, "error": 1.5}\n{"step": 100, "error": 0.5, "idle": 3}\n{"step": 2')
    dictionaries = {
        "topk": {"kind": "topk", "l0": 2.0, "explained_variance": 0.9},
        "relu": {"kind": "relu", "l0": 3.0, "explained_variance": None},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps({"schema": 1, "dictionaries": dictionaries}))
    found = run_page(sae, network, folder)
    assert json.dumps(found, allow_nan=False)
    assert [line["step"] for line in found["log"]] == [0, 100]
    assert [(of["name"], of["this"]) for of in found["frontier"]] == [("topk", True), ("relu", False)]
    assert found["recipe"]["k"] == 2
    assert found["figures"]["explained_variance"] is None
    assert found["versions"]["visae"] == visae.__version__
    alone = run_page(sae, network, None)
    assert alone["log"] == alone["frontier"] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": 9}', "reads schema 1"),
        ('{"schema": 1}', "has no figures"),
        ('{"schema": 1, "dictionaries": [1]}', "has no figures"),
        ('{"schema": 1, "dictionaries": {"a": 1}}', "has no figures"),
        ("[]", "reads schema 1"),
        ("{", "is not JSON"),
    ],
)
def test_an_evaluation_that_cannot_be_read_is_left_out_and_told(tmp_path, capsys, text, says):
    sae = visae.TopK(width=8, k=2).build(48, torch.Generator().manual_seed(0))
    (tmp_path / "evaluation.json").write_text(text)
    assert run_page(sae, visae.network("planted", device="cpu"), tmp_path)["frontier"] == []
    assert says in capsys.readouterr().err


def test_what_is_no_number_is_nowhere(tmp_path):
    sae = visae.TopK(width=8, k=2).build(48, torch.Generator().manual_seed(0))
    figures = {"kind": None, "l0": math.inf, "explained_variance": math.nan}
    (tmp_path / "evaluation.json").write_text(json.dumps({"schema": 1, "dictionaries": {"a": figures}}))
    (tmp_path / "log.jsonl").write_text('{"step": 1, "error": NaN, "idle": 2}')
    found = run_page(sae, visae.network("planted", device="cpu"), tmp_path)
    assert json.dumps(found, allow_nan=False)
    assert found["log"] == [{"step": 1, "idle": 2}]
    assert (found["frontier"][0]["l0"], found["frontier"][0]["explained_variance"]) == (None, None)
