"""Tuning measured with circles and with natural images: curves centred on peaks, and angles beside the diagonal."""

from pathlib import Path

import numpy as np
import pytest

from visae.plots import TuningComparison
from visae.plots import _joint_tuning as joint_tuning


def test_curves_peak_at_zero_and_pairs_lie_on_the_diagonal(saved_figures):
    figures = saved_figures(joint_tuning)
    preferred = np.array([10.0, 350.0, 200.0])
    degrees = np.arange(0, 360, 5.0)
    away = (degrees[None] - preferred[:, None] + 180) % 360 - 180
    synthetic = np.exp(-(away**2) / 800)
    around = (np.arange(0, 360, 10.0) + 180) % 360 - 180
    natural = np.exp(-(around**2) / 800) * np.ones((3, 1))
    apart = (preferred[None] - preferred[:, None] + 3) % 360
    units = TuningComparison("units", natural, synthetic, preferred, apart)
    joint_tuning.plot_joint_tuning([units], "title", Path("x.png"))
    left, right = figures[0].axes[:2]
    means = [line for line in left.lines if line.get_linewidth() > 1]
    assert len(means) == 2
    for line in means:
        assert line.get_xdata()[line.get_ydata().argmax()] == 0
    points = right.lines[1]
    assert points.get_ydata() - points.get_xdata() == pytest.approx(np.full(6, 3.0))
    assert "6 of 6 pairs" in right.get_title()
