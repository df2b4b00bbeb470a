"""The planted network's layer, whose neurons are made of known features."""

import pytest
import torch

from visae._support.errors import VisaeError
from visae.decomposition import MIN_SHARE
from visae.metrics import constituents

pytestmark = pytest.mark.slow


def test_the_true_constituents_of_the_planted_neurons_are_recovered(made):
    _, layer = made
    truth = layer.neurons.network.truth.directions
    assert int((truth != 0).sum()) == 70 * 4
    scores = constituents(layer.attribution, layer.sae.directions, truth, MIN_SHARE)
    assert scores.precision >= 0.9
    assert scores.recall >= 0.9


def test_parts_are_described(made):
    _, layer = made
    parts = layer.parts(3)
    assert [part.share for part in parts] == sorted((part.share for part in parts), reverse=True)
    assert parts[-1].together > 0.85
    assert any(part.family == "curve" for part in parts)
    assert all((part.orientation is None) == (part.family == "") for part in parts)
    with pytest.raises(VisaeError, match="no neuron 48; the layer has 48, from 0 to 47"):
        layer.parts(48)


def test_mixed_neurons_are_polysemantic(made):
    ranking = made[1].ranking()
    assert len(ranking) > 25
    second = [sorted(meaning.share for meaning in meanings if meaning.family)[-2] for _, meanings in ranking]
    assert second == sorted(second, reverse=True)
    assert second[0] > 0.3


def test_contributions_are_what_features_add_to_a_neuron(made):
    """The contributions of all features, and the SAE's bias, sum to the reconstruction of the neuron."""
    _, layer = made
    circle, neuron, sae = layer.feature_battery.responses["circle"], 5, layer.sae
    total = layer.contributions(neuron, range(sae.width)).sum(0)
    # For a single radius and orientation the responses are those of the SAE, and decoding them gives the neuron.
    sizes = sae.directions.norm(dim=1)
    f = circle.values.flatten(1).T / sizes.clamp_min(1e-30)
    bias = sae.decode(torch.zeros(1, sae.width))[0, neuron]
    decoded = (sae.decode(f)[:, neuron] - bias).reshape(circle.values.shape[1:]).mean(0)
    assert torch.allclose(total, decoded, atol=1e-4)


def test_the_strongest_part_adds_most(made):
    _, layer = made
    rows = next(iter(layer.batches()))[:50]
    added = layer.sae.encode(rows).double() * layer.sae.directions[:, 7].double()
    expected = [int(row.argmax()) if row.max() > 0 else None for row in added]
    assert None in expected
    assert layer.strongest_part(7, rows) == expected
