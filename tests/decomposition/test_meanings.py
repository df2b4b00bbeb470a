"""Meanings of neurons, from made attribution."""

import math

import pytest
import torch

from visae.decomposition import Meaning, meanings, most_polysemantic, named, words
from visae.metrics import Attribution
from visae.tuning import Families

FAMILIES = ("curve", "double_curve", "angle", "line", "edge")


def of_kinds(*kinds):
    """Families of units given as (family, orientation), or None for none."""
    members = {name: torch.tensor([kind is not None and kind[0] == name for kind in kinds]) for name in FAMILIES}
    turns = torch.tensor([kind[1] if kind else 0.0 for kind in kinds])
    return Families(members, dict.fromkeys(FAMILIES, turns))


def attribution(share):
    return Attribution(share, share, torch.ones_like(share))


KINDS = of_kinds(("curve", 10.0), ("curve", 355.0), ("curve", 100.0), ("line", 2.0), ("line", 178.0), None, None)
MADE = [
    ([0.4, 0.3, 0, 0, 0, 0, 0], [("curve", 10, 0.7)]),
    ([0.2, 0, 0.5, 0, 0, 0, 0], [("curve", 100, 0.5), ("curve", 10, 0.2)]),
    ([0, 0, 0, 0.3, 0.2, 0, 0], [("line", 2, 0.5)]),
    ([0, 0, 0.3, 0.4, 0, 0, 0], [("line", 2, 0.4), ("curve", 100, 0.3)]),
    ([0.3, 0, 0, 0, 0, 0.2, 0.25], [("", None, 0.45), ("curve", 10, 0.3)]),
    ([0.9, 0, 0.09, 0, 0, 0, 0], [("curve", 10, 0.9)]),
    ([0, 0, 0, 0, 0, 0, 0], []),
]


@pytest.mark.parametrize(("share", "expected"), MADE)
def test_large_parts_of_one_kind_and_orientation_are_one_meaning(share, expected):
    found = attribution(torch.tensor(share).double()[:, None])
    result = meanings(found, KINDS, 0)
    assert [(one.family, one.orientation) for one in result] == [(family, turn) for family, turn, _ in expected]
    assert [one.share for one in result] == pytest.approx([size for _, _, size in expected])


def test_the_ranking_is_by_the_second_meaning():
    share = torch.tensor([share for share, _ in MADE]).double().T
    ranked = most_polysemantic(attribution(share), KINDS)
    # The fifth has a second meaning, but one that is of no family.
    assert [neuron for neuron, _ in ranked] == [3, 1]


def test_meanings_in_words():
    of = [Meaning("double_curve", 20.4, 0.5), Meaning("", None, 0.25)]
    assert words(of) == "double curve 20° 50%, other 25%"
    assert named("curve", 359.7) == "curve 0°"
    assert named("double_curve", None) == "double curve"


def test_a_detector_without_an_orientation_has_a_meaning_all_the_same():
    kinds = of_kinds(("double_curve", math.nan), ("curve", 10.0))
    found = attribution(torch.tensor([[0.5], [0.25]]).double())
    assert meanings(found, kinds, 0) == [Meaning("double_curve", None, 0.5), Meaning("curve", 10.0, 0.25)]
