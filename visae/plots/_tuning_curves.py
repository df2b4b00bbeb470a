"""Radial tuning curves: responses of units around the circle of orientations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.projections.polar import PolarAxes

from visae.images import pick_evenly
from visae.plots._style import LINE_STYLES, new_figure, save_figure, style_polar_axes, style_population_axis
from visae.tuning import Curves

_HUES = matplotlib.colormaps["hsv"]
_BRIGHTNESS = 0.78  # of the hues, so that yellow shows on white
_GREY = (0.65, 0.65, 0.65)
_UNITS_IN_GREY = 8  # of a population without curve detectors
_LEAST_WIDTH = 5.2  # inches, so that titles fit above a single panel
_COLUMNS = 4
_MOST_CURVES = 32  # in one panel, beyond which lines hide each other
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class PopulationTuning:
    """Tuning curves of one population, for one panel.

    title:        above the panel.
    name:         beside the population's row of preferred orientations.
    orientations: degrees, evenly spaced from 0, [o].
    tuning:       responses, [units, o].
    preferred:    preferred orientations, degrees, [n]; empty for units that are not curve detectors, drawn in grey.
    """

    title: str
    name: str
    orientations: Float[np.ndarray, " o"]
    tuning: Float[np.ndarray, "units o"]
    preferred: Float[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class DecomposedTuning:
    """One unit's tuning curve and those of its parts, for one panel.

    orientations: degrees, evenly spaced from 0.
    tuning:       the unit's.
    parts:        the parts', on the same scale.
    labels:       of the parts.
    """

    title: str
    orientations: Float[np.ndarray, " o"]
    tuning: Float[np.ndarray, " o"]
    parts: Float[np.ndarray, "p o"]
    labels: Sequence[str]


def plot_curves(
    populations: Sequence[Curves], path: str | Path, nulls: Mapping[str, Sequence[Curves]] | None = None
) -> None:
    """Plot the curve detectors of several populations of one layer's units side by side (PNG, PDF or SVG).

    nulls: the seeds of each null, by name: a panel each, with the first seed's tuning, and the interval over all.
    """
    title = f"Curve detectors of {populations[0].network} {populations[0].layer}"
    panels = [population_tuning(curves) for curves in populations]
    panels += [_null_tuning(name, seeds) for name, seeds in (nulls or {}).items()]
    plot_tuning(panels, title, Path(path))


def population_tuning(curves: Curves) -> PopulationTuning:
    """Return the tuning of the curve detectors or, if there are none, of the units that respond most."""
    chosen, preferred = curves.detectors, curves.preferred[curves.detectors]
    title = f"{curves.count} of {len(curves.tuning)} {curves.kind}, largest gap {curves.max_gap:.0f}°"
    if not curves.count:
        chosen = curves.tuning.amax(1).argsort(descending=True)[:_UNITS_IN_GREY]
        title = f"none of {len(curves.tuning)} {curves.kind}; grey: the {len(chosen)} that respond most"
    tuning = curves.tuning[chosen].numpy()
    return PopulationTuning(title, curves.kind, curves.orientations.numpy(), tuning, preferred.numpy())


def _null_tuning(name: str, seeds: Sequence[Curves]) -> PopulationTuning:
    """Return the tuning of a null's first seed, under the lowest and highest figures of all its seeds."""
    counts, gaps = [seed.count for seed in seeds], [seed.max_gap for seed in seeds]
    title = f"{name}: {_range(counts)} of {len(seeds[0].tuning)}, largest gap {_range(gaps)}°"
    return replace(population_tuning(seeds[0]), title=title, name=name)


def _range(values: Sequence[float]) -> str:
    lowest, highest = f"{min(values):.0f}", f"{max(values):.0f}"
    return lowest if lowest == highest else f"{lowest}..{highest}"


def plot_tuning(populations: Sequence[PopulationTuning], title: str, path: str | Path) -> None:
    """Plot a radial panel per population, four in a row, and below them a tick for every preferred orientation.

    Tuning curves are divided by their peaks and coloured by preferred orientation; the largest gap between neighbours
    is shaded. Of more than 32 curve detectors, 32 are drawn, evenly spaced by orientation; all have a tick. Angles are
    degrees clockwise from +x, the direction from a circle's centre to its rim.
    """
    columns = min(len(populations), _COLUMNS)
    rows = -(-len(populations) // columns)
    below = 0.25 + 0.3 * len(populations)
    figure = new_figure(max(3.5 * columns + 0.4, _LEAST_WIDTH), 3.6 * rows + 0.5 + below, title)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=(*([3.4] * rows), below))
    for index, population in enumerate(populations):
        axes = figure.add_subplot(grid[index // columns, index % columns], projection="polar")
        assert isinstance(axes, PolarAxes)
        _draw_population(axes, population)
    _draw_preferred(figure.add_subplot(grid[rows, :]), populations)
    save_figure(figure, path)


def plot_decomposed_tuning(units: Sequence[DecomposedTuning], title: str, path: str | Path) -> None:
    """Plot a radial panel per unit: its tuning as a grey area, its parts' as lines.

    Angles are degrees clockwise from +x, the direction from a circle's centre to its rim. Each panel is scaled to its
    largest value; negative responses are not drawn.
    """
    columns = min(_COLUMNS, len(units))
    rows = -(-len(units) // columns)
    figure = new_figure(2.6 * columns + 0.3, 3.4 * rows + 0.4, title)
    for index, unit in enumerate(units):
        axes = figure.add_subplot(rows, columns, index + 1, projection="polar")
        assert isinstance(axes, PolarAxes)
        draw_decomposed_tuning(axes, unit)
    save_figure(figure, path)


def draw_decomposed_tuning(axes: PolarAxes, unit: DecomposedTuning) -> None:
    """Draw one unit's panel of `plot_decomposed_tuning`."""
    style_polar_axes(axes, unit.title)
    angle = _closed_angles(unit.orientations)
    largest = max(float(unit.tuning.max()), float(unit.parts.max(initial=0)), _TINY)
    tuning = _closed(unit.tuning).clip(0) / largest
    axes.fill(angle, tuning, color="0.85", zorder=1)
    axes.plot(angle, tuning, color="0.45", linewidth=1.0, zorder=2)
    for part, label, (colour, dash) in zip(unit.parts, unit.labels, LINE_STYLES, strict=False):
        curve = _closed(part).clip(0) / largest
        axes.plot(angle, curve, color=colour, linestyle=dash, linewidth=1.3, label=label, zorder=3)
    if len(unit.parts):
        axes.legend(fontsize=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08))


def _draw_population(axes: PolarAxes, population: PopulationTuning) -> None:
    drawn = _drawn(population)
    note = f"\n{len(drawn)} of {len(population.tuning)} drawn" if len(drawn) < len(population.tuning) else ""
    style_polar_axes(axes, population.title + note)
    angle = _closed_angles(population.orientations)
    colours = [_colour(degrees) for degrees in population.preferred] or [_GREY] * len(population.tuning)
    for unit in drawn:
        curve = _closed(population.tuning[unit]) / max(population.tuning[unit].max(), _TINY)
        axes.plot(angle, curve, color=colours[unit], linewidth=0.9, alpha=0.85)
    start, gap = _widest_gap(population.preferred)
    if len(population.preferred) > 1:
        axes.bar(np.deg2rad(start + gap / 2), 1.0, width=np.deg2rad(gap), color="0.88", zorder=0)


def _drawn(population: PopulationTuning) -> list[int]:
    """Return the units whose curves are drawn: all, or evenly spaced ones by orientation where lines would overlap."""
    units = np.argsort(population.preferred) if len(population.preferred) else np.arange(len(population.tuning))
    return pick_evenly(units.tolist(), _MOST_CURVES)


def _draw_preferred(axes: Axes, populations: Sequence[PopulationTuning]) -> None:
    for row, population in enumerate(populations):
        colours = [_colour(degrees) for degrees in population.preferred]
        axes.vlines(population.preferred, row - 0.36, row + 0.36, colors=colours, linewidth=1.2, clip_on=False)
    xlabel = "preferred orientation, degrees clockwise from +x (circle's centre to rim)"
    style_population_axis(axes, [population.name for population in populations], 360, xlabel)


def _closed(curve: Float[np.ndarray, " o"]) -> Float[np.ndarray, " _"]:
    return np.append(curve, curve[0])


def _closed_angles(orientations: Float[np.ndarray, " o"]) -> Float[np.ndarray, " _"]:
    return np.asarray(np.deg2rad(np.append(orientations, 360.0)))


def _widest_gap(preferred: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return where the largest gap between neighbours begins, and its width, in degrees."""
    if len(preferred) == 0:
        return 0.0, 360.0
    order = np.sort(preferred)
    steps = np.diff(order, append=order[0] + 360)
    return float(order[steps.argmax()]), float(steps.max())


def _colour(degrees: np.floating[Any]) -> tuple[float, float, float]:
    red, green, blue, _ = _HUES(float(degrees) / 360)
    return _BRIGHTNESS * red, _BRIGHTNESS * green, _BRIGHTNESS * blue
