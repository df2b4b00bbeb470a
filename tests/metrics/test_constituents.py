"""Constituents: on made attribution, for which precision and recall are known."""

import math

import pytest
import torch

from visae.metrics import constituents
from visae.metrics._attribution import Attribution

# Three planted features in three neurons: a in 0 and 1, b in 1, c in 2.
TRUTH = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def attribution(share):
    of = torch.tensor(share).double()
    return Attribution(of, of, torch.ones(len(share), 3).double())


def test_the_truth_itself_scores_one():
    found = constituents(attribution([[0.5, 0.5, 0], [0, 0.5, 0], [0, 0, 0.9]]), TRUTH, TRUTH, 0.01)
    assert (found.precision, found.recall) == (1, 1)


def test_false_and_missing_parts_count():
    # The first writes to 2 falsely, the second is not listed in 1, the fourth is nobody's partner.
    directions = torch.cat([TRUTH, torch.tensor([[1.0, -1.0, 0.0]])])
    share = [[0.5, 0.5, 0.2], [0, 0.005, 0], [0, 0, 0.9], [0.1, 0, 0]]
    found = constituents(attribution(share), directions, TRUTH, 0.01)
    assert found.precision == pytest.approx(3 / 5)
    assert found.recall == pytest.approx(3 / 4)


def test_directions_that_are_not_planted_score_nothing():
    other = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, -1.0, 0.0]])
    found = constituents(attribution([[0.5] * 3] * 3), other, TRUTH, 0.01)
    assert (found.precision, found.recall) == (0, 0)
    assert math.isnan(constituents(attribution([[0.0] * 3] * 3), TRUTH, TRUTH, 0.01).precision)
