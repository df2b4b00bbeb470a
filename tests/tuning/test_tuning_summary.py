"""Tuning statistics of engineered units."""

import math

import pytest
import torch
from engineered import engineered_battery

from visae.tuning import tuning_summary

CURVE_DETECTOR = {"circle": (4.0, 20.0, 0.1), "line": (1.0, 10.0, 0.0), "edge": (2.0, 10.0, 0.0)}


def test_statistics_of_an_engineered_curve_detector():
    summary = tuning_summary(engineered_battery(**CURVE_DETECTOR))
    assert summary.mean_orientation[0].item() == pytest.approx(90, abs=0.1)
    assert summary.orientation[0].item() == 90
    assert summary.width[0].item() == pytest.approx(20 * 2.3548, abs=0.6)
    assert summary.echo[0].item() == pytest.approx(0.1)
    assert (summary.selectivity + summary.circular_variance).tolist() == pytest.approx([1, 1])
    # (1 - 4) / (1 + 4); there is no response to the edge's other polarity.
    assert summary.line_or_curve[0].item() == pytest.approx(-0.6)
    assert summary.polarity[0].item() == pytest.approx(1)
    assert summary.polarity[1].item() == pytest.approx(0)
    # Two bumps, one a tenth of the other: the amplitudes of odd harmonics are .9, those of even ones 1.1.
    series = [math.exp(-((math.radians(20) * k) ** 2)) * (0.9 if k % 2 else 1.1) ** 2 for k in range(1, 40)]
    expected = [power / sum(series) for power in series[:6]]
    assert summary.harmonics[0].tolist() == pytest.approx(expected, abs=1e-3)


def test_radii_are_weighted_by_the_response():
    battery = engineered_battery(circle=(1.0, 20.0, 0.0))
    circle = battery.responses["circle"]
    object.__setattr__(circle, "axes", {**circle.axes, "radius": torch.tensor([4.0, 16.0])})
    object.__setattr__(circle, "values", torch.cat([circle.values, 3 * circle.values], 1))
    assert tuning_summary(battery).radius[0].item() == pytest.approx(4**0.25 * 16**0.75)


def test_medians_are_over_the_given_units():
    summary = tuning_summary(engineered_battery(**CURVE_DETECTOR))
    both = summary.medians([0, 1])
    assert both["selectivity"] == pytest.approx(summary.selectivity.mean().item())
    assert both["echo"] == pytest.approx(0.55)
    assert len(summary.medians([0])["harmonics"]) == 6
    assert "orientation" not in both
    assert summary.medians([]) == {}
