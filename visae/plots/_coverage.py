"""Comparisons of populations of units: how they cover orientation, and how selective they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

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


def plot_coverage(
    populations: Sequence[PopulationCoverage],
    period: float,
    title: str,
    path: str | Path,
    nulls: Mapping[str, Sequence[PopulationCoverage]] | None = None,
) -> None:
    """Plot the envelopes on shared axes, and below them a tick for every preferred orientation, in the same colours.

    period: degrees after which orientations repeat, 360 or 180.
    nulls:  the seeds of each null, by name, on axes of their own: the mean envelope, and a band from the lowest to the
            highest; ticks of the first seed.
    """
    nulls = nulls or {}
    count = len(populations) + len(nulls)
    heights = [3.0] * (1 + bool(nulls)) + [0.35 + 0.22 * count]
    figure = new_figure(7.2, 0.5 + 0.8 * sum(heights), title)
    *above, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    styles = [style for style, _ in zip(cycle(LINE_STYLES), range(count), strict=False)]
    for row, (population, (colour, dash)) in enumerate(zip(populations, styles, strict=False)):
        # The first lines are wider, so that they show under coinciding lines.
        width = max(2.6 - 0.5 * row, 1.2)
        degrees, closed = _closed(population.envelope, period)
        above[0].plot(degrees, closed, color=colour, linestyle=dash, linewidth=width, clip_on=False, zorder=3)
    for seeds, (colour, dash) in zip(nulls.values(), styles[len(populations) :], strict=True):
        _draw_band(above[1], np.stack([seed.envelope for seed in seeds]), period, colour, dash)
    highest = max((axes.get_ylim()[1] for axes in above), default=1.0)
    for axes in above:
        axes.set_ylim(0, highest)
        style_axes(axes, ylabel="response of the best unit,\nSD over natural images")
    firsts = [*populations, *(seeds[0] for seeds in nulls.values())]
    for row, (population, (colour, _)) in enumerate(zip(firsts, styles, strict=True)):
        below.vlines(population.preferred, row - 0.36, row + 0.36, colors=colour, linewidth=1.1, clip_on=False)
    names = [f"{population.name} ({len(population.preferred)})" for population in populations]
    names += [f"{name} ({_range([len(seed.preferred) for seed in seeds])})" for name, seeds in nulls.items()]
    style_population_axis(below, names, period, ORIENTATION_LABEL)
    for label, (colour, _) in zip(below.get_yticklabels(), styles, strict=True):
        label.set_color(colour)
    save_figure(figure, path)


def _closed(
    envelope: Float[np.ndarray, "*s o"], period: float
) -> tuple[Float[np.ndarray, " _"], Float[np.ndarray, "*s _"]]:
    """Return orientations in degrees up to the whole period, and the envelope at these."""
    degrees = np.arange(envelope.shape[-1] + 1) * (period / envelope.shape[-1])
    return degrees, np.concatenate([envelope, envelope[..., :1]], -1)


def _draw_band(axes: Axes, envelopes: Float[np.ndarray, "s o"], period: float, colour: str, dash: str) -> None:
    degrees, closed = _closed(envelopes, period)
    axes.fill_between(degrees, closed.min(0), closed.max(0), color=colour, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(degrees, closed.mean(0), color=colour, linestyle=dash, linewidth=1.2, zorder=3)


def _range(values: Sequence[int]) -> str:
    lowest, highest = min(values), max(values)
    return f"{lowest}" if lowest == highest else f"{lowest}..{highest}"


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
