import json
import math
from dataclasses import asdict

import pytest
import torch
from evaluated import LAYER, MEMBERS, POSITIONS, TRAINING, held_out_images, pixels, rows_of_images, small_network

from visae._support import files
from visae._support.errors import VisaeError
from visae.activations import capture
from visae.evaluation import earlier_evaluation, evaluate, find_dictionaries, read_evaluation
from visae.held_out import HeldOut
from visae.images import Leaves
from visae.metrics import (
    description_length,
    detection,
    effective_features,
    fidelity,
    firing,
    frequent_fraction,
    helping,
    loss_recovered,
    marginal_help,
    matched_cosines,
    neurons_description_length,
    neurons_explained_variance,
    planted_rows,
    recovery,
    single_neurons,
    stability,
    stability_by_chance,
)
from visae.networks import Network
from visae.networks.planted import PlantedNetwork
from visae.sae import PCA, TopK, refined
from visae.training import SAESpec, TrainingConfig, train_many


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def rows(network, tmp_path_factory):
    """The rows of 20 images."""
    return capture(network, LAYER, Leaves(20, 32), tmp_path_factory.mktemp("rows") / "rows", positions=POSITIONS)


@pytest.fixture(scope="module")
def sweep(rows, tmp_path_factory):
    """The folder of a sweep."""
    folder = tmp_path_factory.mktemp("sweep")
    train_many(rows, MEMBERS, folder, TRAINING, "cpu")
    return folder


@pytest.fixture(scope="module")
def saes(rows, sweep):
    return train_many(rows, MEMBERS, sweep, TRAINING, "cpu")


def test_metrics_are_measured_on_the_rows_of_held_out_images(saes, rows):
    evaluated = evaluate(saes, HeldOut(rows))
    assert list(evaluated) == list(saes)
    x = rows_of_images(rows, held_out_images(rows))
    assert len(x) == 6 * POSITIONS
    for name, sae in saes.items():
        expected = asdict(fidelity(sae, [x]))
        assert {metric: evaluated[name][metric] for metric in expected} == pytest.approx(expected)
        own = sae.about["metrics"]
        assert own == pytest.approx({metric: evaluated[name][metric] for metric in own})
        assert evaluated[name]["kind"] == MEMBERS[name].config.kind
        assert evaluated[name]["config"] == asdict(MEMBERS[name].config)
        assert evaluated[name]["seed"] == MEMBERS[name].seed
    assert evaluated["neurons"]["explained_variance"] == pytest.approx(1)


def test_metrics_are_measured_on_all_rows_of_another_store(saes, network, tmp_path):
    other = capture(network, LAYER, Leaves(8, 32, seed=5), tmp_path / "rows", positions=POSITIONS)
    sae = saes["topk-0"]
    explained = evaluate({"": sae}, HeldOut(other))[""]["explained_variance"]
    assert explained == pytest.approx(fidelity(sae, [rows_of_images(other, range(8))]).explained_variance)
    assert explained != pytest.approx(sae.about["metrics"]["explained_variance"])


def test_stability_compares_dictionaries_that_differ_in_their_seeds_alone(saes, rows):
    evaluated = evaluate(saes, HeldOut(rows))
    alike = ["topk-0", "topk-1", "topk-2"]
    assert [name for name in evaluated if "stability" in evaluated[name]] == alike
    expected = stability([saes[name].directions for name in alike])
    assert expected < 0.99
    assert [evaluated[name]["stability"] for name in alike] == pytest.approx([expected] * 3)
    x = rows_of_images(rows, held_out_images(rows))
    matched = matched_cosines([saes[name].directions for name in alike])
    helps = torch.stack([helping(saes[name], [x]).helps for name in alike])
    beyond = ~torch.stack([single_neurons(saes[name].directions) for name in alike])
    for metrics in (evaluated[name] for name in alike):
        assert metrics["stability_of_helping"] == matched.mean(helps)
        assert metrics["stability_beyond_neurons"] == matched.mean(beyond)
        assert metrics["stability_by_chance"] == stability_by_chance(12, 6)
        assert metrics["stability_quantiles"] == matched.quantiles([0.05, 0.25, 0.5, 0.75, 0.95])
    different = {"a": saes["topk-0"], "b": saes["topk-more"], "c": saes["relu-4"]}
    assert all("stability" not in metrics for metrics in evaluate(different, HeldOut(rows)).values())


def test_copies_and_refined_dictionaries_are_no_other_seeds(saes, rows):
    x = rows_of_images(rows, range(20))
    alike = {"own": saes["topk-0"], "copy": saes["topk-0"], "refined": refined(saes["topk-0"], x)}
    assert all("stability" not in metrics for metrics in evaluate(alike, HeldOut(rows)).values())
    seeds = {name: refined(saes[name], x, 2) for name in ("topk-0", "topk-1")}
    assert all("stability" in metrics for metrics in evaluate(seeds, HeldOut(rows)).values())


def test_the_use_of_features_is_measured_on_held_out_rows(saes, rows):
    evaluated = evaluate(saes, HeldOut(rows))
    x = rows_of_images(rows, held_out_images(rows))
    for name, sae in saes.items():
        metrics, density = evaluated[name], firing(sae, [x]).density
        assert metrics["helping_fraction"] == helping(sae, [x]).fraction
        needed = marginal_help(sae, x)
        assert metrics["needed_fraction"] == (needed.helps & helping(sae, [x]).helps).double().mean()
        share = needed.rise.sum().item() / helping(sae, [x]).rise.sum().item()
        assert metrics["needed_share"] == pytest.approx(share, rel=1e-4)
        assert metrics["frequent_fraction"] == frequent_fraction(density)
        assert metrics["effective_features"] == pytest.approx(effective_features(density))
    # A neuron that fires makes the reconstruction better.
    assert evaluated["neurons"]["helping_fraction"] == pytest.approx(1 - evaluated["neurons"]["dead_fraction"])


def test_kinds_that_cannot_encode_without_a_feature_have_no_needed_ones(rows):
    sae = TopK(width=12, k=2).build(6, torch.Generator().manual_seed(0))
    sae.features = lambda z: torch.ones(len(z), 12)
    evaluated = evaluate({"": sae}, HeldOut(rows))[""]
    assert evaluated["frequent_fraction"] == 1
    assert "needed_fraction" not in evaluated


def test_dictionaries_are_held_against_the_neurons_on_the_same_rows(saes, rows):
    evaluated = evaluate(saes, HeldOut(rows))
    x = rows_of_images(rows, held_out_images(rows))
    for name, sae in saes.items():
        metrics, described = evaluated[name], asdict(description_length(sae, x))
        neurons = neurons_explained_variance([x], metrics["l0"])
        assert metrics["neurons_explained_variance"] == pytest.approx(neurons)
        assert metrics["ev_over_neurons"] == pytest.approx(metrics["explained_variance"] - neurons)
        for part in ("bits", "support_bits", "value_bits", "residual_bits", "gaussian_bits"):
            assert metrics[part] == pytest.approx(described[part], rel=1e-6), part
        l0, explained = metrics["neurons_curve"][3]
        assert (len(metrics["neurons_curve"]), l0) == (10, 2**-0.5)
        assert explained == pytest.approx(neurons_explained_variance([x], l0))
        assert metrics["neurons_bits"] == neurons_description_length(x).bits
    assert evaluated["neurons"]["ev_over_neurons"] == pytest.approx(0, abs=1e-6)
    assert evaluated["neurons"]["bits"] == pytest.approx(evaluated["neurons"]["neurons_bits"], rel=1e-3)


def test_long_stores_are_described_by_evenly_spaced_rows(saes, rows, monkeypatch):
    monkeypatch.setattr("visae.evaluation._SAMPLE", 10)
    evaluated = evaluate({"one": saes["topk-0"]}, HeldOut(rows))["one"]
    sample = HeldOut(rows).sample_for(saes["topk-0"], 10)
    assert len(sample) == 10
    assert evaluated["bits"] == description_length(saes["topk-0"], sample).bits


def test_metrics_and_densities_are_written(saes, rows, tmp_path):
    evaluated = evaluate(saes, HeldOut(rows), tmp_path)
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written == {"schema": 3, "rows": rows.digest, "dictionaries": evaluated}
    for name, sae in saes.items():
        tensors, header = files.read_tensors(tmp_path / name / "firing.safetensors", 2)
        expected = firing(sae, [rows_of_images(rows, held_out_images(rows))])
        assert torch.equal(tensors["density"], expected.density)
        rise = helping(sae, [rows_of_images(rows, held_out_images(rows))]).rise
        torch.testing.assert_close(tensors["rise"], rise)
        assert torch.equal(tensors["l0_histogram"], expected.l0_histogram)
        assert header == {"schema": 2}


def test_an_evaluation_of_a_single_dictionary_is_written_beside_it(saes, rows, tmp_path):
    evaluate({"": saes["topk-0"]}, HeldOut(rows), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "firing.safetensors"]


def test_an_earlier_evaluation_is_returned_for_the_same_dictionaries_and_rows(saes, rows, network, tmp_path):
    pair = {name: saes[name] for name in ("topk-0", "topk-1")}
    assert earlier_evaluation(pair, rows, tmp_path) is None
    evaluated = evaluate(pair, HeldOut(rows), tmp_path)
    assert earlier_evaluation(pair, rows, tmp_path) == evaluated
    swapped = {"topk-0": saes["topk-1"], "topk-1": saes["topk-0"]}
    for others in (swapped, {"topk-0": saes["topk-0"]}, pair | {"relu-4": saes["relu-4"]}):
        assert earlier_evaluation(others, rows, tmp_path) is None
    other_rows = capture(network, LAYER, Leaves(4, 32, seed=5), tmp_path / "rows", positions=POSITIONS)
    assert earlier_evaluation(pair, other_rows, tmp_path) is None


@pytest.mark.parametrize(("schema", "key"), [(1, "recipe"), (2, "config")])
def test_evaluations_of_earlier_versions_are_read_as_they_are(tmp_path, schema, key):
    written = {"schema": schema, "rows": "digest", "dictionaries": {"a": {"l0": 2.0, key: {"k": 2}}}}
    (tmp_path / "evaluation.json").write_text(json.dumps(written))
    read = read_evaluation(tmp_path / "evaluation.json")
    assert read == {"schema": 3, "rows": "digest", "dictionaries": {"a": {"l0": 2.0, "config": {"k": 2}}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"schema": 4}, "has schema 4, this version of visae reads schema 3"),
        ({"schema": 3, "rows": "digest"}, "missing 'dictionaries'"),
        ({"schema": 1, "dictionaries": {}}, "missing 'rows'"),
        ({"schema": 3, "rows": "digest", "dictionaries": {}, "more": 1}, "unknown 'more'"),
    ],
)
def test_other_evaluation_files_are_refused(tmp_path, content, message):
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(VisaeError, match=message):
        read_evaluation(tmp_path / "evaluation.json")


def test_metrics_that_are_not_defined_are_null(saes, rows, tmp_path):
    silent = TopK(width=12, k=2).build(6, torch.Generator().manual_seed(0))
    silent.encoder_bias.data.fill_(-1e6)
    evaluated = evaluate({"silent": silent, "other": saes["topk-0"]}, HeldOut(rows), tmp_path)
    assert evaluated["silent"]["l0"] == 0
    assert evaluated["silent"]["dead_fraction"] == 1
    assert evaluated["silent"]["gamma"] is None
    assert json.loads((tmp_path / "evaluation.json").read_text())["dictionaries"]["silent"]["gamma"] is None


def test_dictionaries_that_were_stopped_say_so_and_have_no_stability(saes, rows, monkeypatch):
    monkeypatch.setitem(saes["topk-1"].about, "stopped", "diverged at step 3")
    evaluated = evaluate(saes, HeldOut(rows))
    assert {name: metrics["stopped"] for name, metrics in evaluated.items() if "stopped" in metrics} == {
        "topk-1": "diverged at step 3"
    }
    assert [name for name in evaluated if "stability" in evaluated[name]] == ["topk-0", "topk-2"]


@pytest.mark.parametrize(
    ("about", "dim", "message"),
    [
        (
            {"network": "other", "layer": LAYER},
            6,
            "dictionary one is of other, 1, 6 wide, but the rows of .* are of module, 1, 6",
        ),
        ({"network": "module", "layer": "0"}, 6, "is of module, 0, 6 wide"),
        ({"network": "module", "layer": LAYER}, 7, "is of module, 1, 7 wide, .* are of module, 1, 6 wide"),
        ({}, 5, "5 wide"),
    ],
)
def test_rows_of_another_layer_are_refused(rows, tmp_path, about, dim, message):
    sae = TopK(width=9, k=2).build(dim, torch.Generator())
    sae.about = about
    with pytest.raises(VisaeError, match=message):
        evaluate({"one": sae}, HeldOut(rows), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_dictionaries_are_found_by_file_and_by_folder(sweep, tmp_path):
    assert list(find_dictionaries(sweep)) == sorted(MEMBERS)
    for path in (sweep / "topk-0", sweep / "topk-0" / "sae.safetensors"):
        saes = find_dictionaries(str(path))
        assert list(saes) == [""]
        assert saes[""].config == MEMBERS["topk-0"].config
    with pytest.raises(VisaeError, match=r"no sae\.safetensors in"):
        find_dictionaries(tmp_path)
    with pytest.raises(VisaeError, match=r"none does not exist"):
        find_dictionaries(tmp_path / "none")


def test_loss_recovered_is_measured_on_held_out_images(saes, network, rows):
    images = Leaves(20, 32)
    evaluated = evaluate(saes, HeldOut(rows, network, images))
    held_out = pixels(images, held_out_images(rows))
    mean = network.maps(held_out, [LAYER])[LAYER].detach().double().mean((0, 2, 3)).float()
    expected = loss_recovered(network, LAYER, saes, [held_out], mean)
    for name in saes:
        assert evaluated[name]["images"] == 6
        for metric, value in asdict(expected[name]).items():
            assert evaluated[name][metric] == pytest.approx(value, rel=1e-4, abs=1e-6), metric
    assert evaluated["neurons"]["loss_recovered_zero"] == pytest.approx(1, abs=1e-3)
    assert "loss_recovered_zero" not in evaluate(saes, HeldOut(rows, network))["neurons"]


def test_recovery_and_detection_are_measured_where_the_truth_is_planted(tmp_path):
    network, training = (
        Network("planted", PlantedNetwork(), "digest"),
        TrainingConfig(rows_seen=64, batch=32, holdout=0.5),
    )
    rows = capture(network, "mixed", Leaves(4, 64), tmp_path / "rows", positions=32)
    members = {"topk": SAESpec(TopK(width=80, k=4)), "pca": SAESpec(PCA())}
    saes = train_many(rows, members, tmp_path / "saes", training, "cpu")
    images = Leaves(6, 64)
    evaluated = evaluate(saes, HeldOut(rows, network, images), tmp_path / "out")
    fresh = sorted({4, 5, *held_out_images(rows, training)})
    pairs = list(planted_rows(network, [pixels(images, fresh)]))
    for name, sae in saes.items():
        expected = asdict(recovery(sae.directions, network.truth.directions))
        assert {metric: evaluated[name][metric] for metric in expected} == expected
        detected = detection(sae, network.truth.directions, pairs)
        assert evaluated[name]["mean_f1"] == pytest.approx(detected.mean_f1, abs=1e-3)
        assert not math.isnan(detected.mean_f1)
        assert "loss_recovered_zero" not in evaluated[name]
        f1 = files.read_tensors(tmp_path / "out" / name / "recovery.safetensors", 1)[0]["f1"]
        torch.testing.assert_close(f1, detected.f1, equal_nan=True)
    assert "mean_f1" not in evaluate(saes, HeldOut(rows, network))["topk"]
    assert "matched_fraction" not in evaluate(saes, HeldOut(rows))["topk"]
