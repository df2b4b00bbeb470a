"""A unit's tuning beside that of what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from visae.plots._style import LINE_STYLES, save_figure

_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Composed:
    """One unit.

    orientations: degrees, evenly spaced from 0.
    whole:        its tuning.  parts: that of its parts, on the same scale, and their labels.
    """

    title: str
    orientations: Float[np.ndarray, " o"]
    whole: Float[np.ndarray, " o"]
    parts: Float[np.ndarray, "p o"]
    labels: Sequence[str]


def draw_composed(title: str, units: Sequence[Composed], path: Path) -> None:
    """Draw a radial panel for each unit: its tuning filled grey, and its parts' as lines.

    Angles are degrees clockwise from +x, the direction from a circle's centre to its rim. The scale of each panel is
    its largest value; responses below zero are not drawn.
    """
    columns = min(_COLUMNS, len(units))
    rows = -(-len(units) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.3, 3.4 * rows + 0.4), layout="constrained", dpi=180)
    for place, unit in enumerate(units):
        axes = figure.add_subplot(rows, columns, place + 1, projection="polar")
        assert isinstance(axes, PolarAxes)
        draw_unit(axes, unit)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def draw_unit(axes: PolarAxes, unit: Composed) -> None:
    """Draw one unit."""
    axes.set_theta_direction(-1)
    angle = np.deg2rad(np.append(unit.orientations, 360.0))
    largest = max(float(unit.whole.max()), float(unit.parts.max(initial=0)), np.finfo(np.float32).tiny)
    whole = np.append(unit.whole, unit.whole[0]).clip(0) / largest
    axes.fill(angle, whole, color="0.85", zorder=1)
    axes.plot(angle, whole, color="0.45", linewidth=1.0, zorder=2)
    for curve, label, (colour, dash) in zip(unit.parts, unit.labels, LINE_STYLES, strict=False):
        closed = np.append(curve, curve[0]).clip(0) / largest
        axes.plot(angle, closed, color=colour, linestyle=dash, linewidth=1.3, label=label, zorder=3)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.5, 1.0], labels=[])
    axes.set_xticks(np.deg2rad(np.arange(0, 360, 45)))
    axes.tick_params(labelsize=6, pad=-2)
    axes.grid(linewidth=0.4, color="0.8")
    axes.set_title(unit.title, fontsize=8)
    if len(unit.parts):
        axes.legend(fontsize=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08))
