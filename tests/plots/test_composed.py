"""A unit and its parts on one scale."""

from pathlib import Path

import numpy as np

from visae.plots import Composed
from visae.plots import _composed as composed


def test_parts_are_drawn_on_the_scale_of_the_whole(drawn):
    figures = drawn(composed)
    degrees = np.arange(0, 360, 45.0)
    whole, parts = np.zeros(8), np.zeros((2, 8))
    whole[2], parts[0, 2], parts[1, 5] = 4.0, 3.0, -1.0
    unit = Composed("unit", degrees, whole, parts, ["first", "second"])
    composed.draw_composed("title", [unit, unit, unit, unit, unit], Path("x.png"))
    assert len(figures[0].axes) == 5
    lines = {line.get_label(): line.get_ydata() for line in figures[0].axes[0].lines}
    assert lines["first"].tolist() == [0, 0, 0.75, 0, 0, 0, 0, 0, 0]
    # What is taken away cannot be drawn on a radius.
    assert lines["second"].max() == 0
    assert figures[0].axes[0].lines[0].get_ydata().max() == 1


def test_a_silent_unit_without_parts_is_drawn(drawn):
    figures = drawn(composed)
    silent = Composed("silent", np.arange(0, 360, 45.0), np.zeros(8), np.zeros((0, 8)), [])
    composed.draw_composed("title", [silent], Path("x.png"))
    assert figures[0].axes[0].get_legend() is None
