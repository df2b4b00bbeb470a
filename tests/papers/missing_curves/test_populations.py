"""Populations measured alike, and budgets."""

import itertools

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.images import Leaves
from visae.papers.missing_curves._populations import Natural, evenly_spaced, spread
from visae.training._layer import train_layer, usual
from visae.tuning import JointTuning


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 3, []), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (7, 3, [0, 2, 4]), (1074, 1024, None), (100, 1, [0])],
)
def test_some_are_evenly_spaced_and_as_many_as_may_be(count, most, expected):
    chosen = spread(range(count), most)
    assert expected is None or chosen == expected
    assert len(chosen) == min(count, most)
    steps = {after - before for before, after in itertools.pairwise(chosen)}
    assert not steps or max(steps) - min(steps) <= 1


def test_some_images_are_images():
    some = evenly_spaced(Leaves(9, 32), 3)
    assert [some.key(index) for index in range(len(some))] == ["leaf 0", "leaf 3", "leaf 6"]


def test_the_usual_budget_goes_by_the_layer():
    real, planted = usual("inceptionv1-caffe"), usual("planted:0.5")
    assert (real.recipe(96).k, real.recipe(96).width) == (8, 768)
    assert (real.recipe(480).k, real.recipe(480).width) == (40, 3840)
    assert real.recipe(8).k == 1
    assert (planted.recipe(48).k, planted.recipe(48).width) == (2, 128)
    given = usual("planted", k=3, width=64, epochs=5, lr=0.1, positions=9, seed=4)
    assert (given.recipe(48).k, given.recipe(48).width) == (3, 64)
    assert (given.training.epochs, given.training.lr, given.training.seed) == (5, 0.1, 4)
    assert (given.positions.count, given.positions.seed) == (9, 4)
    with pytest.raises(VisaeError, match="k is 0"):
        usual("planted", k=0).recipe(48)
    with pytest.raises(VisaeError, match="epochs"):
        usual("planted", epochs=0)


def test_a_dictionary_is_made_once(tmp_path):
    network, images = visae.network("planted", device="cpu"), Leaves(20, 128)
    budget = usual("planted", epochs=1)
    rows, sae = train_layer(network, "mixed", images, tmp_path, budget)
    assert len(rows) == 20 * 64
    path = tmp_path / "mixed" / "dictionaries" / "features" / "sae.safetensors"
    stamp = path.stat().st_mtime_ns
    again = train_layer(network, "mixed", images, tmp_path, budget)[1]
    assert path.stat().st_mtime_ns == stamp
    assert again.directions.equal(sae.directions)
    with pytest.raises(VisaeError, match="other settings"):
        train_layer(network, "mixed", images, tmp_path, usual("planted", epochs=2))


def test_features_are_judged_from_the_curve_neurons():
    """Three neurons, and two features of which natural images put the second 50 degrees from where circles do."""
    degrees, natural = torch.arange(36) * 10.0, torch.tensor([0.0, 120.0, 240.0, 60.0, 350.0])
    away = (degrees - (natural[None] - natural[:, None])[:, :, None] + 180).remainder(360) - 180
    joint = JointTuning((1, 4, 5, 10 + 2, 10 + 7), (1, 2, 3, 4, 5), degrees, torch.exp(-(away**2) / 800))
    of = Natural(joint, [2, 7], 10, [1, 4, 5], torch.tensor([0.0, 120.0, 240.0, 60.0, 300.0]))
    assert of.disagreement_of(2) == pytest.approx(0, abs=0.5)
    assert of.disagreement_of(7) == pytest.approx(50, abs=0.5)
    own = of.own()
    assert (own.units, own.examples) == ((2, 7), (4, 5))
    assert own.responses.equal(joint.responses[3:, 3:])
