"""The plot: a layer's features beside the two toys and the shuffled controls."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from visae.plots._style import BLUE, GREEN, ORANGE, PURPLE, new_figure, save_figure, style_axes

_COLOURS = (BLUE, GREEN, ORANGE, PURPLE)
_CONTROL = "0.55"
_LEGEND = {"fontsize": 7, "frameon": False}

_Metrics = Mapping[str, Any]
_Populations = Mapping[str, _Metrics]


def plot_superposition(title: str, populations: _Populations, path: Path) -> None:
    """Draw the metrics of the populations, the layer's first, and the ring of the layer's curves."""
    figure = new_figure(11.6, 6.7, title)
    axes = figure.subplots(2, 3)
    layer = next(iter(populations.values()))
    _plot_pairs(axes[0, 0], layer["arrangement"])
    _plot_agreement(axes[0, 1], populations)
    _plot_constructive(axes[0, 2], populations)
    for panel, plot in zip(axes[1], (_plot_plane, _plot_angles), strict=False):
        if layer["ring"] is None:
            panel.text(0.5, 0.5, "fewer than five curve features", ha="center", va="center", fontsize=8)
            panel.set(xticks=[], yticks=[])
        else:
            plot(panel, layer["ring"])
    _plot_harmonics(axes[1, 2], populations)
    save_figure(figure, path)


def _plot_pairs(axes: Axes, arranged: _Metrics) -> None:
    together, cosine = np.array(arranged["pairs"]).reshape(-1, 2).T
    alpha = min(1.0, 12 / max(len(cosine), 1) ** 0.5)
    axes.scatter(together, cosine, s=5, color=_COLOURS[0], alpha=alpha, linewidths=0)
    axes.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    axes.axvline(0, color="0.8", linewidth=0.7, zorder=0)
    axes.locator_params(axis="x", nbins=5)
    r = "undefined" if arranged["r"] is None else f"{arranged['r']:.2f}"
    title = f"Pairs of {arranged['features']} curve and line features, r = {r}"
    style_axes(axes, "correlation of activations", "cosine of directions", title)


def _plot_agreement(axes: Axes, populations: _Populations) -> None:
    for index, (colour, metrics) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        arranged = metrics["arrangement"]
        for at, value, deviation, marker, face in (
            (index + 0.12, arranged["shuffled_r"], arranged["shuffled_sd"], "o", _CONTROL),
            (index - 0.12, arranged["r"], arranged["error"], "D", colour),
        ):
            spread = 2 * (deviation or 0)
            axes.errorbar(at, _number(value), spread, fmt=marker, color=face, capsize=3, markersize=5)
    axes.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    measured = Line2D([], [], marker="D", ls="", color="0.2", label="measured, ±2 standard errors")
    shuffled = Line2D([], [], marker="o", ls="", color=_CONTROL, label="directions shuffled, ±2 s.d.")
    axes.legend(handles=[measured, shuffled], loc="lower left", **_LEGEND)
    style_axes(axes, ylabel="r, correlation against cosine", title="Does arrangement follow co-activation?")
    axes.set_ylim(-1.05, 1.05)
    _name_populations(axes, populations)


def _plot_constructive(axes: Axes, populations: _Populations) -> None:
    jitter = np.random.default_rng(0)
    for index, (colour, metrics) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        faces = {"read": (colour, colour), "along": ("none", colour), "shuffled": (_CONTROL, _CONTROL)}
        for at, (way, (face, edge)) in zip((index - 0.27, index, index + 0.27), faces.items(), strict=True):
            values = np.array([_number(value) for value in metrics["interference"][way]["by_feature"]])
            across = at + jitter.uniform(-0.08, 0.08, len(values))
            axes.scatter(across, values, s=7, linewidths=0.6, facecolors=face, edgecolors=edge)
            axes.hlines(np.nanmean(values) if len(values) else np.nan, at - 0.12, at + 0.12, color="k")
    axes.axhline(0.5, color="0.8", linewidth=0.7, zorder=0)
    labels = {
        "as the model reads": ("0.2", "0.2"),
        "read along directions": ("none", "0.2"),
        "activations shuffled": (_CONTROL, _CONTROL),
    }
    dot = partial(Line2D, [], [], ls="", marker="o", ms=4)
    dots = [dot(markerfacecolor=face, markeredgecolor=edge, label=label) for label, (face, edge) in labels.items()]
    axes.legend(handles=dots, loc="lower right", **_LEGEND)
    style_axes(axes, ylabel="constructive share, of each feature", title="Does interference help?")
    axes.set_ylim(0, 1)
    _name_populations(axes, populations)


def _plot_plane(axes: Axes, ring: _Metrics) -> None:
    title = f"Plane of two components, {ring['share']:.0%} of variance"
    style_axes(axes, "first component", "second component", title)
    x, y = np.array(ring["points"]).T
    axes.plot([*x, x[0]], [*y, y[0]], color="0.85", linewidth=0.8, zorder=0)
    colours = {"c": ring["at"], "cmap": "twilight_shifted", "vmin": 0, "vmax": 360}
    dots = axes.scatter(x, y, s=28, edgecolors="0.3", linewidths=0.4, **colours)
    bar = axes.figure.colorbar(dots, ax=axes, ticks=[0, 90, 180, 270, 360])
    bar.ax.tick_params(labelsize=7)
    bar.set_label("preferred orientation (°)", fontsize=8)
    axes.set_aspect("equal", "datalim")


def _plot_angles(axes: Axes, ring: _Metrics) -> None:
    # Minus the orientation, so that 1 and 359 degrees lie side by side.
    off = (np.array(ring["angles"]) - np.array(ring["at"]) + 180) % 360 - 180
    axes.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    axes.scatter(ring["at"], off, s=16, color=_COLOURS[0], linewidths=0)
    axes.set(xlim=(0, 360), ylim=(-180, 180), xticks=range(0, 361, 90), yticks=range(-180, 181, 90))
    alike = f"alike {ring['alike']:.2f} (by chance {ring['shuffled_alike']:.2f})"
    kept = f"neighbours kept {ring['kept']:.2f} ({ring['kept_by_chance']:.2f})"
    title = f"Angle in the plane: {alike},\n{kept}"
    style_axes(axes, "preferred orientation (°)", "angle in the plane - orientation (°)", title)


def _plot_harmonics(axes: Axes, populations: _Populations) -> None:
    rings = {
        name: (colour, metrics["ring"])
        for colour, (name, metrics) in zip(_COLOURS, populations.items(), strict=True)
        if metrics["ring"] is not None
    }
    width = 0.8 / max(len(rings), 1)
    for index, (name, (colour, ring)) in enumerate(rings.items()):
        at = np.arange(1, len(ring["harmonics"]) + 1) + (index - (len(rings) - 1) / 2) * width
        axes.bar(at, ring["harmonics"], width, color=colour, label=name)
        axes.hlines(ring["shuffled_harmonics"], at - width / 2, at + width / 2, color="k", linewidth=1.2)
    style_axes(axes, "harmonic of the angle on the ring", "share of variance", "Harmonics (line: angles shuffled)")
    if rings:
        axes.legend(**_LEGEND)


def _name_populations(axes: Axes, populations: _Populations) -> None:
    names = [name.replace(", ", ",\n").replace(" features", "\nfeatures") for name in populations]
    axes.set_xticks(range(len(names)), names, fontsize=7)
    axes.set_xlim(-0.5, len(names) - 0.5)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
