"""Tuning to rotated dataset examples beside tuning to synthetic circles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from visae.plots._style import BLUE, VERMILION, new_figure, save_figure, style_axes

_SYNTHETIC, _NATURAL = BLUE, VERMILION


@dataclass(frozen=True, eq=False)
class TuningComparison:
    """Units of one population, measured with natural images and with synthetic circles.

    natural:   each unit's tuning to its rotated dataset examples, peaking at 0, [n, p].
    synthetic: its tuning to circles, [n, o].
    preferred: its preferred orientation, by circles, degrees, [n].
    apart:     the angle between each pair of units, by natural images, degrees, [n, n]; NaN where unknown.
    """

    name: str
    natural: Float[np.ndarray, "n p"]
    synthetic: Float[np.ndarray, "n o"]
    preferred: Float[np.ndarray, " n"]
    apart: Float[np.ndarray, "n n"]


def plot_joint_tuning(populations: Sequence[TuningComparison], title: str, path: str | Path) -> None:
    """Plot each population's curves centred on their peaks, and the angle between each pair of units, both ways."""
    figure = new_figure(6.6, 2.7 * len(populations) + 0.4, title)
    grid = figure.subplots(len(populations), 2, squeeze=False)
    for (left, right), population in zip(grid, populations, strict=True):
        _draw_curves(left, population)
        _draw_pairs(right, population)
    save_figure(figure, path)


def _draw_curves(axes: Axes, population: TuningComparison) -> None:
    degrees = np.arange(-180, 180, 5.0)
    for tuning, peaks, colour, label in (
        (population.synthetic, population.preferred, _SYNTHETIC, "circles"),
        (population.natural, np.zeros(len(population.natural)), _NATURAL, "rotated\nexamples"),
    ):
        orientations = np.arange(tuning.shape[1]) * (360 / tuning.shape[1])
        centred = [
            np.interp(degrees + peak, orientations, curve / max(curve.max(), 1e-30), period=360)
            for curve, peak in zip(tuning, peaks, strict=True)
        ]
        for curve in centred:
            axes.plot(degrees, curve, color=colour, linewidth=0.4, alpha=0.35)
        axes.plot(degrees, np.mean(centred, 0), color=colour, linewidth=1.8, label=label)
    axes.set_xlim(-180, 180)
    axes.set_xticks(range(-180, 181, 90))
    axes.set_ylim(0, None)
    axes.legend(fontsize=6, frameon=False, loc="upper left", handlelength=1.2, borderaxespad=0.1)
    style_axes(axes, "degrees from the peak", "response / peak", f"{len(population.natural)} {population.name}")


def _draw_pairs(axes: Axes, population: TuningComparison) -> None:
    synthetic = (population.preferred[None] - population.preferred[:, None]) % 360
    pairs = ~np.eye(len(population.preferred), dtype=bool)
    # Angles are drawn within half a circle of the expected ones, so that 359 and 1 are adjacent.
    natural = synthetic + (population.apart - synthetic + 180) % 360 - 180
    axes.plot([0, 360], [0, 360], color="0.7", linewidth=0.8)
    axes.plot(synthetic[pairs], natural[pairs], ".", color=_NATURAL, markersize=2.5, alpha=0.6)
    axes.set_xlim(0, 360)
    axes.set_xticks(range(0, 361, 90))
    axes.set_yticks(range(0, 361, 90))
    axes.set_ylim(-60, 420)
    known = int((~np.isnan(population.apart[pairs])).sum())
    title = f"{known} of {int(pairs.sum())} pairs respond to each other's examples"
    style_axes(axes, "angle between two units by circles, degrees", "by dataset examples, degrees", title)
