"""Meanings of neurons, from attributions made by hand."""

import math

import pytest
import torch

from visae.decomposition import Meaning, describe_detector, describe_meanings, most_polysemantic, neuron_meanings
from visae.metrics import Attribution
from visae.tuning import Families

FAMILIES = ("curve", "double_curve", "angle", "line", "edge")


def families(*units):
    """Families of units given as (family, orientation), or None without a family."""
    members = {name: torch.tensor([unit is not None and unit[0] == name for unit in units]) for name in FAMILIES}
    orientation = torch.tensor([unit[1] if unit else 0.0 for unit in units])
    return Families(members, dict.fromkeys(FAMILIES, orientation))


def attribution(share):
    return Attribution(share, share, torch.ones_like(share))


UNITS = families(("curve", 10.0), ("curve", 355.0), ("curve", 100.0), ("line", 2.0), ("line", 178.0), None, None)
CASES = [  # shares of the units, and the meanings
    ([0.4, 0.3, 0, 0, 0, 0, 0], [("curve", 10, 0.7)]),
    ([0.2, 0, 0.5, 0, 0, 0, 0], [("curve", 100, 0.5), ("curve", 10, 0.2)]),
    ([0, 0, 0, 0.3, 0.2, 0, 0], [("line", 2, 0.5)]),
    ([0, 0, 0.3, 0.4, 0, 0, 0], [("line", 2, 0.4), ("curve", 100, 0.3)]),
    ([0.3, 0, 0, 0, 0, 0.2, 0.25], [("", None, 0.45), ("curve", 10, 0.3)]),
    ([0.9, 0, 0.09, 0, 0, 0, 0], [("curve", 10, 0.9)]),
    ([0, 0, 0, 0, 0, 0, 0], []),
]


@pytest.mark.parametrize(("share", "expected"), CASES)
def test_large_parts_of_one_family_and_orientation_are_one_meaning(share, expected):
    meanings = neuron_meanings(attribution(torch.tensor(share).double()[:, None]), UNITS, 0)
    assert [(meaning.family, meaning.orientation) for meaning in meanings] == [each[:2] for each in expected]
    assert [meaning.share for meaning in meanings] == pytest.approx([share for _, _, share in expected])


def test_neurons_are_ranked_by_their_second_meaning():
    share = torch.tensor([share for share, _ in CASES]).double().T
    ranking = most_polysemantic(attribution(share), UNITS)
    # The fifth has two meanings, but one of them has no family.
    assert [neuron for neuron, _ in ranking] == [3, 1]


def test_meanings_are_described():
    meanings = [Meaning("double_curve", 20.4, 0.5), Meaning("", None, 0.25)]
    assert describe_meanings(meanings) == "double curve 20° 50%, other 25%"
    assert describe_detector("curve", 359.7) == "curve 0°"
    assert describe_detector("double_curve", None) == "double curve"


def test_a_detector_without_an_orientation_has_a_meaning():
    units = families(("double_curve", math.nan), ("curve", 10.0))
    shares = attribution(torch.tensor([[0.5], [0.25]]).double())
    assert neuron_meanings(shares, units, 0) == [Meaning("double_curve", None, 0.5), Meaning("curve", 10.0, 0.25)]
