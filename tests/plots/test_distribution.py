"""The distribution of selectivity: a step down at every unit."""

from pathlib import Path

import numpy as np
import pytest

from visae.plots import _distribution as distribution


def test_the_line_is_the_share_of_units_at_least_so_selective(drawn):
    figures = drawn(distribution)
    values = np.array([0.9, 0.2, 0.5, 0.5], np.float32)
    distribution.draw_selectivity("of some", {"some": values, "none": np.zeros(0, np.float32)}, 0.85, Path("x.png"))
    line = figures[0].axes[0].lines[0]
    x, y = line.get_xdata(), line.get_ydata()
    assert line.get_drawstyle() == "steps-pre"
    for level in (0.0, 0.1, 0.3, 0.5, 0.7, 0.95):
        # Of steps before, the value on the way to a point is that point's own.
        at = y[np.searchsorted(x, level, side="left")]
        assert at == pytest.approx((values >= level).mean()), level
