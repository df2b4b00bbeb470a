"""The table of all summaries: of units that are made."""

import math

import pytest
import torch
from batteries import made

from visae.tuning import medians, tuning_summary


def test_a_made_curve_detector_is_described():
    of = tuning_summary(made(circle=(4.0, 20.0, 0.1), line=(1.0, 10.0, 0.0), edge=(2.0, 10.0, 0.0)))
    assert of.mean_orientation[0].item() == pytest.approx(90, abs=0.1)
    assert of.orientation[0].item() == 90
    assert of.width[0].item() == pytest.approx(20 * 2.3548, abs=0.6)
    assert of.echo[0].item() == pytest.approx(0.1)
    assert (of.selectivity + of.circular_variance).tolist() == pytest.approx([1, 1])
    # (1 - 4) / (1 + 4); the edge's other polarity is nothing to it.
    assert of.line_or_curve[0].item() == pytest.approx(-0.6)
    assert of.polarity[0].item() == pytest.approx(1)
    assert of.polarity[1].item() == pytest.approx(0)
    # Two bumps, one a tenth of the other: odd harmonics hold .9^2 of what the even ones hold 1.1^2 of.
    series = [math.exp(-((math.radians(20) * k) ** 2)) * (0.9 if k % 2 else 1.1) ** 2 for k in range(1, 40)]
    assert of.harmonics[0].tolist() == pytest.approx([share / sum(series) for share in series[:6]], abs=1e-3)


def test_radii_are_averaged_by_the_response():
    battery = made(circle=(1.0, 20.0, 0.0))
    flat = battery.responses["circle"]
    object.__setattr__(flat, "axes", {**flat.axes, "radius": torch.tensor([4.0, 16.0])})
    object.__setattr__(flat, "values", torch.cat([flat.values, 3 * flat.values], 1))
    assert tuning_summary(battery).radius[0].item() == pytest.approx(4**0.25 * 16**0.75)


def test_medians_are_over_the_units_asked_for():
    of = tuning_summary(made(circle=(4.0, 20.0, 0.1), line=(1.0, 10.0, 0.0), edge=(2.0, 10.0, 0.0)))
    both = medians(of, [0, 1])
    assert both["selectivity"] == pytest.approx(of.selectivity.mean().item())
    assert both["echo"] == pytest.approx(0.55)
    assert len(medians(of, [0])["harmonics"]) == 6
    assert "orientation" not in both
    assert medians(of, []) == {}
