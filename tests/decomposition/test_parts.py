"""What the planted network's neurons are made of, which is known."""

import pytest
import torch

from visae._support.errors import VisaeError
from visae.decomposition import LEAST
from visae.metrics import constituents


def test_the_true_constituents_of_the_planted_neurons_come_back(made):
    _, of = made
    truth = of.neurons.network.truth.directions
    assert int((truth != 0).sum()) == 70 * 4
    found = constituents(of.attribution, of.sae.directions, truth, LEAST)
    assert found.precision >= 0.9
    assert found.recall >= 0.9


def test_parts_are_described(made):
    _, of = made
    result = of.parts(3)
    assert [part.share for part in result] == sorted((part.share for part in result), reverse=True)
    assert result[-1].together > 0.85
    assert any(part.family == "curve" for part in result)
    assert all((part.orientation is None) == (part.family == "") for part in result)
    with pytest.raises(VisaeError, match="there is no neuron 48; the layer has 48, from 0 to 47"):
        of.parts(48)


def test_mixed_neurons_are_polysemantic(made):
    ranked = made[1].ranking()
    assert len(ranked) > 25
    second = [sorted(one.share for one in of if one.family)[-2] for _, of in ranked]
    assert second == sorted(second, reverse=True)
    assert second[0] > 0.3


def test_contributions_are_what_features_add_to_a_neuron(made):
    """All features' contributions, and the SAE's bias, are the reconstruction of the neuron; to one stimulus here."""
    _, of = made
    circle, neuron = of.swept[0].responses["circle"], 5
    every = of.contributions(neuron, range(of.sae.width)).sum(0)
    # At each radius and orientation apart the features are the SAE's, and decoding them gives the neuron.
    sizes = of.sae.directions.norm(dim=1)
    f = circle.values.flatten(1).T / sizes.clamp_min(1e-30)
    silent = of.sae.decode(torch.zeros(1, of.sae.width))[0, neuron]
    decoded = (of.sae.decode(f)[:, neuron] - silent).reshape(circle.values.shape[1:]).mean(0)
    assert torch.allclose(every, decoded, atol=1e-4)


def test_the_strongest_part_adds_most(made):
    _, of = made
    rows = next(iter(of.batches()))[:50]
    added = of.sae.encode(rows).double() * of.sae.directions[:, 7].double()
    expected = [int(row.argmax()) if row.max() > 0 else None for row in added]
    assert None in expected
    assert of.strongest_part(7, rows) == expected
