"""Tuning in natural images beside tuning to synthetic circles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.plots._style import LINE_STYLES, save_figure

_NATURAL, _SYNTHETIC = LINE_STYLES[1][0], LINE_STYLES[0][0]


@dataclass(frozen=True, eq=False)
class Twice:
    """Units of one population, measured twice.

    natural:    each unit's tuning to its turned dataset examples, its peak at 0, [n, p].
    synthetic:  its tuning to circles, [n, o].  preferred: orientation in these, degrees, [n].
    apart:      of each pair of units, how far apart they are in natural images, degrees, [n, n]; nan where unknown.
    """

    name: str
    natural: Float[np.ndarray, "n p"]
    synthetic: Float[np.ndarray, "n o"]
    preferred: Float[np.ndarray, " n"]
    apart: Float[np.ndarray, "n n"]


def draw_natural(title: str, populations: Sequence[Twice], path: Path) -> None:
    """Draw for each population the curves about their peaks, and how far pairs of units are apart, by both measures."""
    figure = Figure(figsize=(6.6, 2.7 * len(populations) + 0.4), layout="constrained", dpi=180)
    grid = figure.subplots(len(populations), 2, squeeze=False)
    for (left, right), of in zip(grid, populations, strict=True):
        _curves(left, of)
        _pairs(right, of)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _curves(axes: Axes, of: Twice) -> None:
    for curves, peaks, colour, label in (
        (of.synthetic, of.preferred, _SYNTHETIC, "synthetic circles"),
        (of.natural, np.zeros(len(of.natural)), _NATURAL, "turned dataset examples"),
    ):
        degrees = np.arange(-180, 180, 5.0)
        at = np.arange(curves.shape[1]) * (360 / curves.shape[1])
        centred = [
            np.interp(degrees + peak, at, curve / max(curve.max(), 1e-30), period=360)
            for curve, peak in zip(curves, peaks, strict=True)
        ]
        for curve in centred:
            axes.plot(degrees, curve, color=colour, linewidth=0.4, alpha=0.35)
        axes.plot(degrees, np.mean(centred, 0), color=colour, linewidth=1.8, label=label.replace(" ", "\n"))
    axes.set_xlim(-180, 180)
    axes.set_xticks(range(-180, 181, 90))
    axes.set_ylim(0, None)
    axes.set_xlabel("degrees from the peak", fontsize=8)
    axes.set_ylabel("response / its peak", fontsize=8)
    axes.set_title(f"{len(of.natural)} {of.name}", fontsize=8)
    axes.legend(fontsize=6, frameon=False, loc="upper left", handlelength=1.2, borderaxespad=0.1)
    _plain(axes)


def _pairs(axes: Axes, of: Twice) -> None:
    synthetic = (of.preferred[None] - of.preferred[:, None]) % 360
    others = ~np.eye(len(of.preferred), dtype=bool)
    # What is measured is drawn within half a circle of what is expected, so that 359 and 1 are neighbours.
    natural = synthetic + (of.apart - synthetic + 180) % 360 - 180
    axes.plot([0, 360], [0, 360], color="0.7", linewidth=0.8)
    axes.plot(synthetic[others], natural[others], ".", color=_NATURAL, markersize=2.5, alpha=0.6)
    axes.set_xlim(0, 360)
    axes.set_xticks(range(0, 361, 90))
    axes.set_yticks(range(0, 361, 90))
    axes.set_ylim(-60, 420)
    axes.set_xlabel("two units apart, by circles, degrees", fontsize=8)
    axes.set_ylabel("by dataset examples, degrees", fontsize=8)
    known = int((~np.isnan(of.apart[others])).sum())
    axes.set_title(f"{known} of {int(others.sum())} pairs answer to each other's examples", fontsize=8)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.88")
    axes.spines[["top", "right"]].set_visible(False)
