import math
from dataclasses import asdict

import pytest
import torch
from evaluated import LAYER, MEMBERS, TRAINING, held_out, pixels, small

from visae._support.errors import VisaeError
from visae.activations import capture
from visae.evaluation import evaluate
from visae.held_out import HeldOut
from visae.images import Leaves, Subset
from visae.metrics import detection, loss_recovered, planted_rows, recovery
from visae.networks import Network
from visae.networks.planted import PlantedNetwork
from visae.sae import PCA, TopK
from visae.training import SAESpec, TrainingConfig, train_many
from visae.training._batches import Batches


@pytest.fixture(scope="module")
def network():
    return small()


@pytest.fixture(scope="module")
def rows(network, tmp_path_factory):
    return capture(network, LAYER, Leaves(20, 32), tmp_path_factory.mktemp("rows") / "rows", positions=16)


@pytest.fixture(scope="module")
def saes(rows, tmp_path_factory):
    return train_many(rows, MEMBERS, tmp_path_factory.mktemp("sweep"), TRAINING, "cpu")


def test_loss_recovered_is_measured_on_images_that_were_not_trained_on(saes, network, rows):
    images = Leaves(20, 32)
    found = evaluate(saes, HeldOut(rows, network, images))
    maps = network.maps(pixels(images, held_out(rows)), [LAYER])[LAYER]
    mean = maps.detach().double().mean((0, 2, 3)).float()
    expected = loss_recovered(network, LAYER, saes, [pixels(images, held_out(rows))], mean)
    for name in saes:
        assert found[name]["images"] == 6
        for figure, value in asdict(expected[name]).items():
            assert found[name][figure] == pytest.approx(value, rel=1e-4, abs=1e-6), figure
    assert found["neurons"]["loss_recovered_zero"] == pytest.approx(1, abs=1e-3)
    without = evaluate(saes, HeldOut(rows, network))
    assert "loss_recovered_zero" not in without["neurons"]


class Renamed(Subset):
    """The same pictures by other names."""

    def key(self, index):
        return f"copy of {super().key(index)}"


@pytest.mark.parametrize("kind", [Subset, Renamed])
@pytest.mark.parametrize("most", [128, 4])
def test_images_trained_on_are_left_out_by_name_and_by_content(saes, network, rows, monkeypatch, kind, most):
    """Ten that were captured, and ten that were not."""
    used = []
    both = kind(Leaves(30, 32), range(10, 30))
    score = network.logits

    def seen(images, *replaced):
        used.append(images)
        return score(images, *replaced)

    with monkeypatch.context() as patch:
        patch.setattr(network, "logits", seen)
        evaluate({"": saes["topk-0"]}, HeldOut(rows, network, both, most))
    # Each batch is seen four times: clean, with each of two floors, and with the SAE.
    clean = torch.cat(used[::4])
    fresh = pixels(Leaves(30, 32), [index for index in range(10, 30) if index >= 20 or index in held_out(rows)])
    known = [(image == fresh).flatten(1).all(1).any().item() for image in clean]
    assert all(known)
    assert len(known) == len(fresh) if most == 128 else 1 <= len(known) <= 4


@pytest.mark.parametrize("kind", [Subset, Renamed])
def test_where_every_image_was_trained_on_there_is_an_error(saes, network, rows, kind):
    trained = [index for index in range(20) if index not in held_out(rows)]
    with pytest.raises(VisaeError, match="every image of leaves:20 was trained on; give others"):
        evaluate(saes, HeldOut(rows, network, kind(Leaves(20, 32), trained)))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    network = Network("planted", PlantedNetwork(), "digest")
    return network, capture(network, "mixed", Leaves(4, 64), tmp_path_factory.mktemp("planted") / "rows", positions=32)


def test_recovery_and_activity_where_the_truth_is_planted(planted, tmp_path):
    network, rows = planted
    members = {"topk": SAESpec(TopK(width=80, k=4)), "pca": SAESpec(PCA())}
    saes = train_many(rows, members, tmp_path, TrainingConfig(epochs=2, batch=32, holdout=0.5), "cpu")
    fresh = Leaves(6, 64)
    found = evaluate(saes, HeldOut(rows, network, fresh))
    unseen = sorted(
        {*range(6)} - {*range(4)} | {*Batches(rows, TrainingConfig(batch=32, holdout=0.5)).held_out_images.tolist()}
    )
    pairs = list(planted_rows(network, [pixels(fresh, unseen)]))
    for name, sae in saes.items():
        expected = asdict(recovery(sae.directions, network.truth.directions))
        assert {figure: found[name][figure] for figure in expected} == expected
        f1 = detection(sae, network.truth.directions, pairs).mean_f1
        assert found[name]["mean_f1"] == pytest.approx(f1, abs=1e-3)
        assert not math.isnan(f1)
        assert "loss_recovered_zero" not in found[name]
    assert "mean_f1" not in evaluate(saes, HeldOut(rows, network))["topk"]
    assert "matched_fraction" not in evaluate(saes, HeldOut(rows))["topk"]
