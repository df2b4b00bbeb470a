"""Radial tuning curves: each unit's response around the circle of orientations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from visae.plots._style import save_figure
from visae.tuning import Curves

_HUES = matplotlib.colormaps["hsv"]
_GREY = (0.65, 0.65, 0.65)
_SHOWN_IN_GREY = 8  # units, where none is a curve detector
_NARROWEST = 5.2  # inches, so that titles have room above a single panel
_INK = 0.78  # the hues' brightness, so that yellow shows on white


@dataclass(frozen=True, eq=False)
class Panel:
    """The tuning curves to draw of one population of units.

    title:        above the panel.  name: beside its row of ticks.
    orientations: degrees, evenly spaced from 0, [o].
    tuning:       responses, [n, o].
    preferred:    degrees, [n]; or empty, if these units are no curve detectors and shall be grey.
    """

    title: str
    name: str
    orientations: Float[np.ndarray, " o"]
    tuning: Float[np.ndarray, "units o"]
    preferred: Float[np.ndarray, " n"]


def plot_curves(populations: Sequence[Curves], path: str | Path) -> None:
    """Draw the curve detectors of several populations of units of one layer side by side (PNG, PDF or SVG)."""
    # Families, which know lines and edges too, may take others for curve detectors.
    title = f"Curve detectors of {populations[0].network} {populations[0].layer}, by circles alone"
    draw(title, [curve_panel(curves) for curves in populations], Path(path))


def curve_panel(curves: Curves) -> Panel:
    """The curve detectors' tuning; or, where there are none, that of the units that respond most."""
    chosen, preferred = curves.detectors, curves.preferred[curves.detectors]
    title = f"{curves.count} of {len(curves.tuning)} {curves.kind}, largest gap {curves.max_gap:.0f}°"
    if not curves.count:
        chosen = curves.tuning.amax(1).argsort(descending=True)[:_SHOWN_IN_GREY]
        title = f"none of {len(curves.tuning)} {curves.kind}; grey: the {len(chosen)} that respond most"
    tuning = curves.tuning[chosen].numpy()
    return Panel(title, curves.kind, curves.orientations.numpy(), tuning, preferred.numpy())


def draw(title: str, panels: Sequence[Panel], path: Path) -> None:
    """Draw a radial panel for each population, and below them a tick for every preferred orientation.

    Every tuning curve is divided by its own peak and coloured by its preferred orientation; the largest gap between
    neighbours is shaded. Angles are degrees clockwise from +x, the direction from a circle's centre to its rim.
    """
    rows = len(panels)
    figure = Figure(figsize=(max(3.5 * rows + 0.4, _NARROWEST), 4.1 + 0.3 * rows), layout="constrained", dpi=200)
    grid = figure.add_gridspec(2, rows, height_ratios=(3.4, 0.25 + 0.3 * rows))
    for column, panel in enumerate(panels):
        axes = figure.add_subplot(grid[0, column], projection="polar")
        assert isinstance(axes, PolarAxes)
        _radial(axes, panel)
    _strip(figure.add_subplot(grid[1, :]), panels)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _radial(axes: PolarAxes, panel: Panel) -> None:
    axes.set_theta_direction(-1)
    angle = np.deg2rad(np.append(panel.orientations, 360.0))
    colours = [_colour(preferred) for preferred in panel.preferred] or [_GREY] * len(panel.tuning)
    for curve, colour in zip(panel.tuning, colours, strict=True):
        closed = np.append(curve, curve[0]) / max(curve.max(), np.finfo(np.float32).tiny)
        axes.plot(angle, closed, color=colour, linewidth=0.9, alpha=0.85)
    start, gap = _widest_gap(panel.preferred)
    if len(panel.preferred) > 1:
        axes.bar(np.deg2rad(start + gap / 2), 1.0, width=np.deg2rad(gap), color="0.88", zorder=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.5, 1.0], labels=[])
    axes.set_xticks(np.deg2rad(np.arange(0, 360, 45)))
    axes.tick_params(labelsize=7, pad=0)
    axes.grid(linewidth=0.4, color="0.8")
    axes.set_title(panel.title, fontsize=9)


def _strip(axes: Axes, panels: Sequence[Panel]) -> None:
    for row, panel in enumerate(panels):
        colours = [_colour(preferred) for preferred in panel.preferred]
        axes.vlines(panel.preferred, row - 0.36, row + 0.36, colors=colours, linewidth=1.2)
    axes.set_yticks(range(len(panels)), labels=[panel.name for panel in panels], fontsize=8)
    axes.set_ylim(len(panels) - 0.5, -0.5)
    axes.set_xlim(0, 360)
    axes.set_xticks(range(0, 361, 45))
    axes.tick_params(labelsize=7, length=2)
    axes.set_xlabel("preferred orientation, degrees clockwise from +x (circle's centre to rim)", fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _widest_gap(preferred: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Where the largest gap between neighbours begins, and how wide it is, in degrees."""
    if len(preferred) == 0:
        return 0.0, 360.0
    order = np.sort(preferred)
    steps = np.diff(order, append=order[0] + 360)
    return float(order[steps.argmax()]), float(steps.max())


def _colour(degrees: np.floating[Any]) -> tuple[float, float, float]:
    red, green, blue, _ = _HUES(float(degrees) / 360)
    return _INK * red, _INK * green, _INK * blue
