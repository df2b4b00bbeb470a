"""Superposition in curves: its measures on features whose arrangement is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from visae.metrics import interference
from visae.papers.superposition_in_curves import SuperposedFeatures, measure, summarise
from visae.papers.superposition_in_curves._measures import (
    arrangement,
    helpfulness,
    interferences,
    ring,
)

COUNT = 12
EVERY = list(range(COUNT))
AT = torch.arange(COUNT) * 360 / COUNT


def on_a_ring(rows=4000):
    """Directions on a ring, and activations that co-occur with their neighbours'."""
    angle = torch.deg2rad(AT)
    vectors = torch.stack([angle.cos(), angle.sin()], 1)
    position = 2 * math.pi * torch.rand(rows, 1, generator=torch.Generator().manual_seed(0))
    return SuperposedFeatures(vectors @ vectors.T, (position - angle).cos().relu(), vectors, EVERY, EVERY, AT)


def apart(rows=20_000, seed=0):
    """Random directions, and independent activations."""
    draw = torch.Generator().manual_seed(seed)
    vectors = torch.randn(COUNT, 6, generator=draw)
    x = torch.rand(rows, COUNT, generator=draw)
    return SuperposedFeatures(vectors @ vectors.T, (x - 0.7).relu(), vectors, EVERY, EVERY, AT)


def test_arrangement_of_features_on_a_ring():
    result = arrangement(on_a_ring(), 0)
    assert result["r"] > 0.97
    assert abs(result["shuffled_r"]) < 0.1
    assert len(result["pairs"]) == COUNT * (COUNT - 1) / 2
    assert result["cosines"] == pytest.approx(1.0, abs=1e-6)  # opposite features


def test_independent_features_are_not_arranged():
    result = arrangement(apart(), 0)
    assert abs(result["r"] - result["shuffled_r"]) < 4 * result["shuffled_sd"]


def test_constructive_share_of_helpful_and_of_independent_features():
    # Two pairs, each firing together or not at all; each pair adds to itself and takes from the other.
    gram = torch.kron(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.ones(2, 2))
    x = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(500, 1)
    result = interferences(SuperposedFeatures(gram, x, torch.eye(4), list(range(4)), [], torch.zeros(0)), 0)
    assert result["read"]["by_feature"] == [1.0] * 4
    assert result["read"]["borrowed"] == pytest.approx(0.75)  # of 4: others add 1 where it is present, else -2
    assert result["along"]["constructive"] is None  # orthogonal directions
    assert result["shuffled"]["constructive"] == pytest.approx(0.5, abs=0.05)
    assert abs(result["shuffled"]["borrowed"]) < 0.1
    independent = apart()
    even = helpfulness(independent.gram, independent.x, EVERY)
    assert even["constructive"] == pytest.approx(0.5, abs=0.01)
    assert even["borrowed"] == pytest.approx(0, abs=0.05)


def test_encoder_may_be_helped_where_directions_do_not_help():
    features = on_a_ring()
    result = interferences(replace(features, gram=-features.gram), 0)
    assert result["along"]["constructive"] > 0.6
    assert result["read"]["constructive"] == pytest.approx(1 - result["along"]["constructive"])


def test_helpfulness_is_the_interference_with_every_feature():
    draw = torch.Generator().manual_seed(3)
    gram, x = torch.randn(9, 9, generator=draw), (torch.rand(400, 9, generator=draw) - 0.6).relu()
    selected = [7, 0, 4]
    slow = interference(gram, x).select(selected)
    result = helpfulness(gram, x, selected)
    assert result["by_feature"] == pytest.approx(slow.constructive.tolist())
    assert result["constructive"] == pytest.approx(slow.constructive.mean().item())
    assert result["borrowed"] == pytest.approx(slow.borrowed)


@pytest.mark.slow
def test_standard_errors_are_the_spread_over_other_rows():
    features = apart()
    parts = features.x.split(500)
    arranged = [arrangement(replace(features, x=x), 0) for x in parts]
    helped = [helpfulness(features.gram, x, EVERY) for x in parts]
    for rows, metric, error in (
        (arranged, "r", "error"),
        (helped, "constructive", "constructive_error"),
        (helped, "borrowed", "borrowed_error"),
    ):
        spread = np.std([row[metric] for row in rows], ddof=1)
        assert np.sqrt(np.mean([row[error] ** 2 for row in rows])) == pytest.approx(spread, rel=0.4)


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("turn", [0.0, 77.0])
def test_ring_is_found_up_to_rotation_and_reflection(mirrored, turn):
    result = ring(replace(on_a_ring(), at=(mirrored * AT + turn) % 360), 0)
    assert result["alike"] == pytest.approx(1)
    assert result["kept"] == 1
    assert result["kept_by_chance"] <= result["shuffled_kept_95"] < 0.5
    assert result["share"] == pytest.approx(1)
    assert result["harmonics"][0] == pytest.approx(1)
    assert max(result["harmonics"][1:]) < 1e-9
    assert result["shuffled_alike"] < result["shuffled_alike_95"] < 0.8
    assert result["shuffled_harmonics"][0] == pytest.approx(2 / (COUNT - 1), abs=0.03)
    off = (torch.tensor(result["angles"]) - torch.tensor(result["at"]) + 180) % 360 - 180
    assert off.abs().max() < 1e-3


@pytest.mark.slow
def test_random_directions_are_on_no_ring():
    rings = [ring(apart(10, seed), 0) for seed in range(10)]
    assert sum(result["alike"] > result["shuffled_alike_95"] for result in rings) <= 2


def test_four_features_are_no_ring():
    assert ring(replace(apart(10), ring=EVERY[:4], at=AT[:4]), 0) is None
    assert ring(replace(apart(10), ring=EVERY[:5], at=AT[:5]), 0) is not None


def test_seed_decides_the_controls():
    features = apart(200)
    assert measure(features, 3) == measure(features, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "words"),
    [
        (on_a_ring(), ["as in the bag of words", "helps more often than", "curves follow their orientation"]),
        (apart(), ["do not follow co-activation", "helps as often as"]),
        # A star: every fifth is next.
        (replace(on_a_ring(), at=5 * AT % 360), ["curves do not follow their orientation"]),
    ],
)
def test_summary_says_what_was_found(features, words):
    summary = summarise({"features": measure(features, 0)})
    for part in (*words, "What this does not show: why."):
        assert part in summary
