"""The data of the run's page, from files of this version and of earlier ones."""

import json
import math

import pytest
import torch

import visae
from visae.atlas._run_page import run_page
from visae.metrics import verdict


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


@pytest.fixture
def sae():
    return visae.TopK(width=8, k=2).build(48, torch.Generator().manual_seed(0))


def write_evaluation(folder, dictionaries, schema=3):
    (folder / "evaluation.json").write_text(json.dumps({"schema": schema, "dictionaries": dictionaries}))


def test_log_frontier_and_card(sae, network, tmp_path):
    sae.about = {
        "layer": "mixed",
        "converged": False,
        "rows_seen": 9,
        "metrics": {"l0": 2.0, "explained_variance": float("nan")},
    }
    folder = tmp_path / "topk"
    folder.mkdir()
    (folder / "log.jsonl").write_text('{"step": 0, "error": 1.5}\n{"step": 100, "error": 0.5}\n{"step": 2')
    write_evaluation(
        tmp_path,
        {
            "topk": {"kind": "topk", "l0": 2.0, "explained_variance": 0.9},
            "relu": {"kind": "relu", "l0": 3.0, "explained_variance": None},
        },
    )
    page = run_page(sae, network, folder)
    assert json.dumps(page, allow_nan=False)
    assert [line["step"] for line in page["log"]] == [0, 100]
    assert [(point["name"], point["this"]) for point in page["frontier"]] == [("topk", True), ("relu", False)]
    assert page["config"]["k"] == 2
    assert page["metrics"]["explained_variance"] is None
    assert page["versions"]["visae"] == visae.__version__
    assert page["verdict"] == verdict(sae.about) == "not a good dictionary: not converged after 9 rows"
    without_folder = run_page(sae, network, None)
    assert without_folder["log"] == without_folder["frontier"] == []


@pytest.mark.parametrize("key", ["silent", "idle"])
def test_logs_of_this_and_earlier_versions(sae, network, tmp_path, key):
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1, "error": 0.5, key: 3}))
    assert run_page(sae, network, tmp_path)["log"] == [{"step": 1, "error": 0.5, "silent": 3}]


@pytest.mark.parametrize(("schema", "key"), [(3, "config"), (2, "config"), (1, "recipe")])
def test_evaluations_of_this_and_earlier_versions(sae, network, tmp_path, schema, key):
    metrics = {"kind": "topk", "l0": 2.0, "explained_variance": 0.5}
    write_evaluation(tmp_path, {"": {**metrics, key: {"k": 2}}}, schema)
    point = {"name": tmp_path.name, **metrics, "this": True}
    assert run_page(sae, network, tmp_path)["frontier"] == [point]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 9}', "schema 9"),
        ('{"schema": 2}', "no metrics"),
        ('{"schema": 1}', "no metrics"),
        ('{"schema": 3, "dictionaries": [1]}', "no metrics"),
        ('{"schema": 2, "dictionaries": {"a": 1}}', "no metrics"),
        ("[]", "schema 3"),
        ("{", "not JSON"),
    ],
)
def test_unreadable_evaluation_is_reported_and_left_out(sae, network, tmp_path, capsys, text, message):
    (tmp_path / "evaluation.json").write_text(text)
    assert run_page(sae, network, tmp_path)["frontier"] == []
    assert message in capsys.readouterr().err


def test_values_that_are_not_finite_are_left_out(sae, network, tmp_path):
    write_evaluation(tmp_path, {"a": {"kind": None, "l0": math.inf, "explained_variance": math.nan}})
    (tmp_path / "log.jsonl").write_text('{"step": 1, "error": NaN, "aux": 2}')
    page = run_page(sae, network, tmp_path)
    assert json.dumps(page, allow_nan=False)
    assert page["log"] == [{"step": 1, "aux": 2}]
    assert (page["frontier"][0]["l0"], page["frontier"][0]["explained_variance"]) == (None, None)
