"""Populations compared: their envelopes, and the share of units above each selectivity."""

from pathlib import Path

import numpy as np
import pytest

from visae.plots import PopulationCoverage
from visae.plots import _coverage as coverage


def test_envelopes_close_the_circle_and_every_population_has_a_row(saved_figures):
    figures = saved_figures(coverage)
    populations = [
        PopulationCoverage("neurons", np.array([1.0, 2.0, 3.0, 2.0]), np.array([90.0, 180.0])),
        PopulationCoverage("features", np.zeros(4), np.zeros(0)),
    ]
    coverage.plot_coverage(populations, 360.0, "title", Path("x.png"))
    above, below = figures[0].axes
    assert above.lines[0].get_xdata().tolist() == [0, 90, 180, 270, 360]
    assert above.lines[0].get_ydata().tolist() == [1, 2, 3, 2, 1]
    assert [label.get_text() for label in below.get_yticklabels()] == ["neurons (2)", "features (0)"]
    assert [segment[0][0] for segment in below.collections[0].get_segments()] == [90, 180]


def test_the_line_is_the_share_of_units_at_least_this_selective(saved_figures):
    figures = saved_figures(coverage)
    values = np.array([0.9, 0.2, 0.5, 0.5], np.float32)
    coverage.plot_selectivity({"units": values, "none": np.zeros(0, np.float32)}, 0.85, "title", Path("x.png"))
    line = figures[0].axes[0].lines[0]
    x, y = line.get_xdata(), line.get_ydata()
    assert line.get_drawstyle() == "steps-pre"
    for level in (0.0, 0.1, 0.3, 0.5, 0.7, 0.95):
        # With steps before points, the value on the way to a point is the point's own.
        share = y[np.searchsorted(x, level, side="left")]
        assert share == pytest.approx((values >= level).mean()), level
