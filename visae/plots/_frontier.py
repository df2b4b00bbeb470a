"""The frontier: how well each kind of dictionary describes a layer, against the number of features it uses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FormatStrFormatter, LogLocator

from visae.metrics import DISTORTION
from visae.plots._style import new_figure, save_figure, style_axes
from visae.sae import FixedDirections, LineStyle, kinds, style_of

EVALUATION_PANELS = {
    "explained_variance": "explained variance",
    "bits": f"bits a row, at an error of {DISTORTION:.0%}",
    "loss_recovered_zero": "loss recovered (floor: zeros)",
    "kl_recovered_zero": "KL recovered (floor: zeros)",
    "matched_fraction": "planted features matched",
}
_NEURONS = "neurons, on average"
_NEURONS_LINE: dict[str, Any] = {
    "color": "0.8",
    "linewidth": 4,
    "solid_capstyle": "round",
    "label": "neurons, on average",
    "zorder": 1,
}
# Metrics on which good dictionaries reach 0.9, 0.99 or 0.999: their distance from 1 is drawn on a log scale.
_NEAR_ONE = {"explained_variance", "loss_recovered_zero", "kl_recovered_zero"}
# Metrics of which ratios count.
_LOGARITHMIC = {"bits"}
_NEAREST = 1e-4
_TICKS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999)
_SPARE_MARKERS = "xpH18234|_"


@dataclass(frozen=True)
class FrontierPoint:
    """One dictionary on the frontier: its kind, its mean L0, and its metrics by name."""

    kind: str
    l0: float
    metrics: Mapping[str, Any]


def plot_evaluation(evaluated: Mapping[str, Mapping[str, Any]], title: str, path: str | Path) -> None:
    """Plot the result of `visae.evaluate` as a frontier over L0; dictionaries whose training stopped are left out.

    Nulls, whose directions are not learned or of which a part is frozen, have lines of their own.
    """
    plotted = [metrics for metrics in evaluated.values() if "stopped" not in metrics]
    points = [FrontierPoint(_line_name(metrics), metrics["l0"], metrics) for metrics in plotted]
    plot_frontier(points, EVALUATION_PANELS, title, path, _style_of_line, _neurons(plotted))


def _line_name(metrics: Mapping[str, Any]) -> str:
    """Return a dictionary's kind, of a null what did not learn, and whether exactly k features of a pursuit fire."""
    kind, config = metrics["kind"], metrics.get("config", {})
    frozen, most = config.get("freeze", "none"), config.get("most", 0)
    parts = [kind, f"{frozen} frozen" * (frozen != "none"), "k a row" * (most > 0 and most == config.get("k"))]
    if kind == FixedDirections.kind:
        parts.append(config.get("start", ""))
    return ", ".join(filter(None, parts))


def _style_of_line(name: str) -> LineStyle:
    return style_of(name.partition(",")[0])


def plot_frontier(
    points: Sequence[FrontierPoint],
    panels: Mapping[str, str],
    title: str,
    path: str | Path,
    style_of: Callable[[str], LineStyle] = style_of,
    neurons: Mapping[str, Sequence[tuple[float, float]]] = MappingProxyType({}),
) -> None:
    """Plot metrics against L0, one line per kind, one panel for each metric that any point has.

    panels:   axis labels by metric.
    style_of: returns the style of a kind; kinds that share colour and marker get different markers.
    neurons:  for some metrics, what the neurons have: pairs of L0 and value, drawn as a band behind the lines.

    Raises `VisaeError` for a suffix that is not an image format.
    """
    present = {name: label for name, label in panels.items() if any(p.metrics.get(name) is not None for p in points)}
    figure = new_figure(3.6 * max(len(present), 1) + 1.2, 3.4, title)
    lines = _line_properties((point.kind for point in points), style_of)
    handles: dict[str, Any] = {}
    for column, (name, label) in enumerate(present.items()):
        axes = figure.add_subplot(1, len(present), column + 1)
        for kind, properties in lines.items():
            handles[kind] = _draw_line(axes, [point for point in points if point.kind == kind], name, properties)
        if name in neurons:
            handles[_NEURONS] = axes.plot(*zip(*neurons[name], strict=True), **_NEURONS_LINE)[0]
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        if name in _NEAR_ONE:
            _stretch_near_one(axes)
        if name in _LOGARITHMIC:
            _space_by_ratio(axes)
        style_axes(axes, "L0: features that fire per position", label)
    if handles:
        figure.legend(handles=list(handles.values()), loc="outside right center", fontsize=8, frameon=False)
    save_figure(figure, path)


def _neurons(evaluated: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """What the neurons have over the L0 of dictionaries that fire; empty for evaluations of earlier versions."""
    measured = [metrics for metrics in evaluated if metrics.get("neurons_curve") and metrics["l0"] > 0]
    if not measured:
        return {}
    ends = [limit(metrics["l0"] for metrics in measured) for limit in (min, max)]
    own = [(metrics["l0"], metrics["neurons_explained_variance"]) for metrics in measured]
    curve = [(l0, value) for l0, value in measured[0]["neurons_curve"] if ends[0] < l0 < ends[1]]
    bits = [(l0, fmean(metrics["neurons_bits"] for metrics in measured)) for l0 in ends]
    return {"explained_variance": sorted(own + curve), "bits": bits}


def line_properties(kind: str, style: LineStyle) -> dict[str, Any]:
    """Return the properties of a kind's line, as keyword arguments of matplotlib's `plot`."""
    return {
        "color": style.colour,
        "marker": style.marker,
        "linestyle": style.dash,
        "linewidth": 1.1,
        "markersize": 4,
        "label": kind,
    }


def _line_properties(names: Iterable[str], style_of: Callable[[str], LineStyle]) -> dict[str, dict[str, Any]]:
    """Line properties of each kind; kinds that share colour and marker get spare markers."""
    lines: dict[str, dict[str, Any]] = {}
    used: set[tuple[str, str]] = set()
    for kind in _in_order(names):
        style = style_of(kind)
        free = (marker for marker in (style.marker, *_SPARE_MARKERS) if (style.colour, marker) not in used)
        marker = next(free, style.marker)
        used.add((style.colour, marker))
        lines[kind] = line_properties(kind, style) | {"marker": marker}
    return lines


def _in_order(names: Iterable[str]) -> list[str]:
    """Registered kinds in the registry's order, then the others in the order of the points."""
    present, registered = dict.fromkeys(names), kinds()
    return [*(kind for kind in registered if kind in present), *(kind for kind in present if kind not in registered)]


def _draw_line(axes: Axes, points: Sequence[FrontierPoint], name: str, properties: Mapping[str, Any]) -> Any:
    # A logarithmic axis cannot show a dictionary whose features never fire.
    shown = sorted((p.l0, p.metrics[name]) for p in points if p.l0 > 0 and p.metrics.get(name) is not None)
    # Not clipped: markers at the ends of the axes would be cut in half.
    return axes.plot([l0 for l0, _ in shown], [value for _, value in shown], clip_on=False, **properties)[0]


def _space_by_ratio(axes: Axes) -> None:
    """Space doublings evenly; values of 0 are left out."""
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_locator(LogLocator(base=2, subs=(1, 1.5)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))


def _stretch_near_one(axes: Axes) -> None:
    """Space 0.9, 0.99 and 0.999 evenly; values beyond 0.9999, or above 1 by chance, are drawn at 0.9999."""

    def nines(value: Any) -> Any:
        return -np.log10(np.clip(1 - np.asarray(value, dtype=float), _NEAREST, None))

    axes.set_yscale("function", functions=(nines, lambda count: 1 - 10.0 ** -np.asarray(count, dtype=float)))
    axes.set_yticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_ylim(top=1 - _NEAREST / 1.3)
