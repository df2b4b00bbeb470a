import math

import numpy as np
import pytest
import torch
from engineered import engineered_battery

from visae.tuning import (
    Battery,
    Responses,
    coverage,
    coverages_over_criteria,
    distance_to_nearest,
    families,
    grid_metrics,
    in_gap,
)


def curve_battery(centres, heights):
    """A battery of units that respond to circles alone, in bumps at `centres`."""
    degrees = torch.arange(72) * 5.0
    distances = [(degrees - centre + 180).remainder(360) - 180 for centre in centres]
    values = torch.stack([h * torch.exp(-(d**2) / (2 * 15.0**2)) for d, h in zip(distances, heights, strict=True)])
    responses = {
        name: Responses(
            "features", "n", "l", name, engineered.axes, torch.zeros(len(values), *engineered.values.shape[1:])
        )
        for name, engineered in engineered_battery().responses.items()
    }
    responses["circle"] = Responses("features", "n", "l", "circle", {"orientation": degrees}, values)
    return Battery(responses)


def test_the_envelope_is_the_best_response_in_deviations():
    battery = curve_battery([200.0, 20.0, 110.0, 290.0], [4.0, 2.0, 3.0, 5.0])
    members = torch.tensor([True, True, True, False])
    result = coverage(battery, "curve", members, torch.tensor([2.0, 0.5, 3.0, 1.0]))
    assert result.units == [1, 2, 0]
    assert result.orientation.tolist() == pytest.approx([20, 110, 200], abs=0.1)
    assert result.largest_gap == pytest.approx(180, abs=0.2)
    # At their peaks: 2 / 0.5, 3 / 3 and 4 / 2 deviations.
    assert result.envelope[[4, 22, 40]].tolist() == pytest.approx([4, 1, 2], abs=1e-3)
    slow = np.array(
        [[battery.responses["circle"].values[u, o] / d for u, d in ((0, 2), (1, 0.5), (2, 3))] for o in range(72)]
    )
    np.testing.assert_allclose(result.envelope, slow.max(1), rtol=1e-5)
    median = sorted(slow.max(1))[35]
    assert result.ratio == pytest.approx(slow.max(1).min() / median, rel=1e-4)


def test_even_coverage_has_a_ratio_of_one():
    battery = curve_battery([5.0 * turn for turn in range(72)], [1.0] * 72)
    result = coverage(battery, "curve", torch.ones(72, dtype=torch.bool), torch.ones(72))
    assert result.ratio == pytest.approx(1)
    assert result.largest_gap == pytest.approx(5, abs=0.1)


def test_no_members_cover_nothing():
    battery = curve_battery([0.0, 90.0], [1.0, 1.0])
    result = coverage(battery, "curve", torch.tensor([False, False]), torch.ones(2))
    assert result.units == []
    assert result.largest_gap == 360
    assert math.isnan(result.ratio)
    silent = coverage(battery, "curve", torch.tensor([True, True]), torch.tensor([0.0, 1.0]))
    assert silent.units == [1], "a unit that never varies over natural images has no deviation to measure by"


def test_a_grid_of_thresholds_holds_every_pair():
    battery = curve_battery([0.0, 120.0, 240.0], [1.0, 1.0, 1.0])
    rows = grid_metrics(coverages_over_criteria(battery, torch.ones(3), selectivities=(0.5, 0.99), echoes=(0.01, 0.1)))
    assert [(row["selectivity"], row["echo"]) for row in rows] == [(0.5, 0.01), (0.5, 0.1), (0.99, 0.01), (0.99, 0.1)]
    assert [row["count"] for row in rows] == [3, 3, 0, 0]
    assert rows[1]["largest_gap"] == pytest.approx(120, abs=0.1)
    assert families(battery).members["curve"].all()


def test_orientations_in_gaps_are_far_from_every_detector():
    orientations, detectors = torch.tensor([0.0, 20.0, 345.0, 359.0, 180.0]), torch.tensor([5.0, 40.0])
    assert distance_to_nearest(orientations, detectors).tolist() == pytest.approx([5, 15, 20, 6, 140])
    assert in_gap(orientations, detectors).tolist() == [False, True, True, False, True]
    assert in_gap(orientations, detectors, threshold=16.0).tolist() == [False, False, True, False, True]
    assert distance_to_nearest(torch.tensor([175.0]), torch.tensor([5.0]), period=180.0).tolist() == pytest.approx([10])


def test_without_detectors_everything_is_in_a_gap():
    assert distance_to_nearest(torch.tensor([0.0, 77.0]), torch.zeros(0)).tolist() == [180, 180]
    assert in_gap(torch.tensor([0.0, 77.0]), torch.zeros(0)).all()
    assert in_gap(torch.zeros(0), torch.tensor([0.0])).tolist() == []
