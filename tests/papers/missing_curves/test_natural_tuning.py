"""Tuning in natural images, relative to the curve neurons."""

import pytest
import torch

from visae.papers.missing_curves._natural_tuning import NaturalTuning
from visae.tuning import JointTuning


def test_features_are_compared_with_the_curve_neurons():
    """Three neurons, and two features; natural images put the second 50 degrees from where circles do."""
    degrees, natural = torch.arange(36) * 10.0, torch.tensor([0.0, 120.0, 240.0, 60.0, 350.0])
    away = (degrees - (natural[None] - natural[:, None])[:, :, None] + 180).remainder(360) - 180
    joint = JointTuning((1, 4, 5, 10 + 2, 10 + 7), (1, 2, 3, 4, 5), degrees, torch.exp(-(away**2) / 800))
    tuning = NaturalTuning(joint, [2, 7], 10, [1, 4, 5], torch.tensor([0.0, 120.0, 240.0, 60.0, 300.0]))
    assert tuning.disagreement(2) == pytest.approx(0, abs=0.5)
    assert tuning.disagreement(7) == pytest.approx(50, abs=0.5)
    assert tuning.preferred.tolist() == [60, 300]
    own = tuning.own()
    assert (own.units, own.examples) == ((2, 7), (4, 5))
    assert own.responses.equal(joint.responses[3:, 3:])
