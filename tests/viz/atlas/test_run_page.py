"""What is said of a run."""

import json

import torch

import visae
from visae.viz.atlas.run_page import run_page


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
