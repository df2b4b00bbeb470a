import json
from dataclasses import asdict

import pytest
import torch
from evaluated import LAYER, MEMBERS, TRAINING, held_out, rows_of, small

from visae._support import files
from visae._support.errors import VisaeError
from visae.activations import capture
from visae.evaluation import evaluate, find_dictionaries
from visae.held_out import HeldOut, held_out_rows
from visae.images import Leaves
from visae.metrics import fidelity, firing, stability
from visae.sae import TopK
from visae.training import TrainingConfig, train_many


@pytest.fixture(scope="module")
def network():
    return small()


@pytest.fixture(scope="module")
def rows(network, tmp_path_factory):
    return capture(network, LAYER, Leaves(20, 32), tmp_path_factory.mktemp("rows") / "rows", positions=16)


@pytest.fixture(scope="module")
def saes(rows, tmp_path_factory):
    return train_many(rows, MEMBERS, tmp_path_factory.mktemp("sweep"), TRAINING, "cpu")


def test_figures_are_those_of_the_metrics_on_the_rows_of_held_out_images(saes, rows):
    found = evaluate(saes, HeldOut(rows))
    assert list(found) == list(saes)
    x = rows_of(rows, held_out(rows))
    assert len(x) == 6 * 16
    for name, sae in saes.items():
        expected = asdict(fidelity(sae, [x]))
        assert {figure: found[name][figure] for figure in expected} == pytest.approx(expected)
        assert expected == pytest.approx(sae.about["metrics"])
        assert found[name]["kind"] == MEMBERS[name].config.kind
        assert found[name]["config"] == asdict(MEMBERS[name].config)
        assert found[name]["seed"] == MEMBERS[name].seed
    assert found["neurons"]["explained_variance"] == pytest.approx(1)


def test_of_rows_that_were_not_trained_on_all_are_used(saes, network, tmp_path):
    other = capture(network, LAYER, Leaves(8, 32, seed=5), tmp_path / "rows", positions=16)
    sae = saes["topk-0"]
    assert torch.equal(torch.cat(list(held_out_rows(sae, other))), rows_of(other, range(8)))
    found = evaluate({"": sae}, HeldOut(other))[""]
    assert found["explained_variance"] == pytest.approx(fidelity(sae, [rows_of(other, range(8))]).explained_variance)
    assert found["explained_variance"] != pytest.approx(sae.about["metrics"]["explained_variance"])


def test_where_none_were_held_out_all_rows_are_used(rows, tmp_path):
    training = TrainingConfig(epochs=1, batch=50, holdout=0.0)
    sae = train_many(rows, {"one": MEMBERS["topk-0"]}, tmp_path, training, "cpu")["one"]
    assert len(torch.cat(list(held_out_rows(sae, rows)))) == len(rows)


def test_stability_is_of_those_that_differ_by_seed_alone(saes, rows):
    found = evaluate(saes, HeldOut(rows))
    alike = ["topk-0", "topk-1", "topk-2"]
    assert [name for name in found if "stability" in found[name]] == alike
    expected = stability([saes[name].directions for name in alike])
    assert expected < 0.99
    assert {found[name]["stability"] for name in alike} == {expected}
    other = {"a": saes["topk-0"], "b": saes["topk-more"], "c": saes["relu-4"]}
    assert all("stability" not in figures for figures in evaluate(other, HeldOut(rows)).values())


def test_files_are_written(saes, rows, tmp_path):
    found = evaluate(saes, HeldOut(rows), tmp_path)
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written == {"schema": 2, "rows": rows.digest, "dictionaries": found}
    for name, sae in saes.items():
        tensors, header = files.read_tensors(tmp_path / name / "firing.safetensors", 1)
        expected = firing(sae, [rows_of(rows, held_out(rows))])
        assert torch.equal(tensors["density"], expected.density)
        assert torch.equal(tensors["l0_histogram"], expected.l0_histogram)
        assert header == {"schema": 1}


def test_of_a_single_dictionary_there_is_no_frontier(saes, rows, tmp_path):
    evaluate({"": saes["topk-0"]}, HeldOut(rows), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "firing.safetensors"]


def test_a_figure_that_is_not_defined_is_null(saes, rows, tmp_path):
    silent = TopK(width=12, k=2).build(6, torch.Generator().manual_seed(0))
    silent.encoder_bias.data.fill_(-1e6)
    found = evaluate({"silent": silent, "other": saes["topk-0"]}, HeldOut(rows), tmp_path)
    assert found["silent"]["l0"] == 0
    assert found["silent"]["dead_fraction"] == 1
    assert found["silent"]["gamma"] is None
    assert json.loads((tmp_path / "evaluation.json").read_text())["dictionaries"]["silent"]["gamma"] is None


def test_those_that_were_stopped_say_so_and_are_not_drawn(saes, rows, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("visae.evaluation.plot_frontier", lambda points, *_: drawn.extend(points))
    monkeypatch.setitem(saes["topk-1"].about, "stopped", "diverged at step 3")
    found = evaluate(saes, HeldOut(rows), tmp_path)
    assert [name for name in found if "stopped" in found[name]] == ["topk-1"]
    assert [point.metrics for point in drawn] == [found[name] for name in found if name != "topk-1"]
    assert [(point.kind, point.l0) for point in drawn[:1]] == [("topk", found["topk-0"]["l0"])]


@pytest.mark.parametrize(
    ("about", "dim", "said"),
    [
        (
            {"network": "other", "layer": LAYER},
            6,
            "dictionary one is of other, 1, 6 wide, the rows of .* are of module, 1, 6",
        ),
        ({"network": "module", "layer": "0"}, 6, "is of module, 0, 6 wide"),
        (
            {"network": "module", "layer": LAYER},
            7,
            "is of module, 1, 7 wide, .* are of module, 1, 6 wide; give the rows",
        ),
        ({}, 5, "5 wide"),
    ],
)
def test_rows_of_another_layer_are_refused(rows, tmp_path, about, dim, said):
    sae = TopK(width=9, k=2).build(dim, torch.Generator())
    sae.about = about
    with pytest.raises(VisaeError, match=said):
        evaluate({"one": sae}, HeldOut(rows), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_dictionaries_are_found(rows, tmp_path):
    members = {name: MEMBERS[name] for name in ("topk-0", "neurons")}
    train_many(rows, members, tmp_path / "sweep", TRAINING, "cpu")
    (tmp_path / "sweep" / "notes").mkdir()
    assert list(find_dictionaries(tmp_path / "sweep")) == ["neurons", "topk-0"]
    for one in (tmp_path / "sweep" / "topk-0", tmp_path / "sweep" / "topk-0" / "sae.safetensors"):
        found = find_dictionaries(str(one))
        assert list(found) == [""]
        assert found[""].config == MEMBERS["topk-0"].config
    with pytest.raises(VisaeError, match=r"there is no sae\.safetensors in .* or its folders; give what visae train"):
        find_dictionaries(tmp_path / "sweep" / "notes")
    with pytest.raises(VisaeError, match=r"none does not exist; give the folder of a dictionary"):
        find_dictionaries(tmp_path / "none")
