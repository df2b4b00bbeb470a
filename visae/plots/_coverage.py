"""Comparisons of populations of units: how they cover orientation, and how selective they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from jaxtyping import Float

from visae.plots._style import (
    LINE_STYLES,
    ORIENTATION_LABEL,
    new_figure,
    save_figure,
    style_axes,
    style_population_axis,
)


@dataclass(frozen=True, eq=False)
class PopulationCoverage:
    """How one population covers orientation.

    envelope:  largest response of any of its units at each orientation, [o], in standard deviations over natural
               images.
    preferred: preferred orientations of its units, degrees, [n].
    """

    name: str
    envelope: Float[np.ndarray, " o"]
    preferred: Float[np.ndarray, " n"]


def plot_coverage(populations: Sequence[PopulationCoverage], period: float, title: str, path: str | Path) -> None:
    """Plot the envelopes on shared axes, and below them a tick for every preferred orientation, in the same colours.

    period: degrees after which orientations repeat, 360 or 180.
    """
    count = len(populations)
    figure = new_figure(6.4, 3.4 + 0.16 * count, title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4.0, 0.35 + 0.22 * count))
    for row, (population, (colour, dash)) in enumerate(zip(populations, cycle(LINE_STYLES), strict=False)):
        degrees = np.arange(len(population.envelope) + 1) * (period / len(population.envelope))
        closed = np.append(population.envelope, population.envelope[:1])
        # The first lines are wider, so that they show under coinciding lines.
        width = max(3.4 - 0.6 * row, 1.2)
        above.plot(degrees, closed, color=colour, linestyle=dash, linewidth=width, clip_on=False, zorder=3)
        below.vlines(population.preferred, row - 0.36, row + 0.36, colors=colour, linewidth=1.1, clip_on=False)
    above.set_ylim(bottom=0)
    style_axes(above, ylabel="response of the best unit,\nSD over natural images")
    names = [f"{population.name} ({len(population.preferred)})" for population in populations]
    style_population_axis(below, names, period, ORIENTATION_LABEL)
    for label, (colour, _) in zip(below.get_yticklabels(), cycle(LINE_STYLES), strict=False):
        label.set_color(colour)
    save_figure(figure, path)


def plot_selectivity(
    populations: Mapping[str, Float[np.ndarray, " _"]], threshold: float, title: str, path: str | Path
) -> None:
    """Plot the share of each population's units that are at least this selective; a line marks the threshold.

    populations: selectivities, 0..1, of the units that respond at all, by name.
    """
    figure = new_figure(6.8, 3.4, title)
    axes = figure.subplots()
    for (name, values), (colour, dash) in zip(populations.items(), cycle(LINE_STYLES), strict=False):
        steps = np.concatenate([[0.0], np.sort(values), [1.0]])
        share = np.concatenate([[1.0], 1 - np.arange(len(values)) / max(len(values), 1), [0.0]])
        axes.step(steps, share, where="pre", color=colour, linestyle=dash, linewidth=1.4, label=name)
    axes.axvline(threshold, color="0.6", linewidth=0.8)
    axes.text(threshold, 1.02, "curve detector", fontsize=7, color="0.35", ha="center")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    style_axes(axes, "selectivity: resultant length of the tuning to circles", "share of units at least this selective")
    figure.legend(loc="outside right center", fontsize=7, frameon=False)
    save_figure(figure, path)
