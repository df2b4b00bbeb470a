"""The figure: features of a layer beside the two toys and the shuffled controls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from visae.plots._style import BLUE, GREEN, ORANGE, PURPLE, save_figure

_COLOURS = (BLUE, GREEN, ORANGE, PURPLE)
_CONTROL = "0.55"


def draw(title: str, populations: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw measures of populations, the first of which is the layer's, and the ring of the layer's curves."""
    figure = Figure(figsize=(12.6, 7.4), layout="constrained", dpi=160)
    figure.suptitle(title)
    axes = figure.subplots(2, 3)
    layer = next(iter(populations.values()))
    _pairs(axes[0, 0], layer["arrangement"])
    _agreement(axes[0, 1], populations)
    _constructive(axes[0, 2], populations)
    _ring(axes[1, 0], layer["ring"])
    _angles(axes[1, 1], layer["ring"])
    _harmonics(axes[1, 2], populations)
    save_figure(figure, path)


def _pairs(ax: Axes, found: Mapping[str, Any]) -> None:
    together, cosine = np.array(found["pairs"]).reshape(-1, 2).T
    ax.scatter(together, cosine, s=5, color=_COLOURS[0], alpha=min(1.0, 12 / max(len(cosine), 1) ** 0.5), linewidths=0)
    ax.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    ax.axvline(0, color="0.8", linewidth=0.7, zorder=0)
    ax.locator_params(axis="x", nbins=5)
    ax.set(
        xlabel="correlation of activations",
        ylabel="cosine of directions",
        title=f"Pairs of {found['features']} curve and line features, r = {_told(found['r'])}",
    )


def _agreement(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    for place, (colour, found) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        of = found["arrangement"]
        _spread(ax, place + 0.12, of["shuffled_r"], of["shuffled_sd"], "o", _CONTROL)
        _spread(ax, place - 0.12, of["r"], of["error"], "D", colour)
    ax.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    ax.set(ylim=(-1.05, 1.05), ylabel="r, correlation against cosine", title="Does arrangement follow co-activation?")
    measured = Line2D([], [], marker="D", ls="", color="0.2", label="measured, ±2 standard errors")
    shuffled = Line2D([], [], marker="o", ls="", color=_CONTROL, label="directions shuffled, ±2 s.d.")
    ax.legend(handles=[measured, shuffled], fontsize=8, loc="lower left")
    _named(ax, populations)


def _spread(ax: Axes, at: float, value: float | None, deviation: float | None, mark: str, colour: str) -> None:
    """A value with twice its deviation on either side; nothing where it is not defined."""
    ax.errorbar(at, _drawn(value), 2 * (deviation or 0), fmt=mark, color=colour, capsize=3, markersize=5)


def _constructive(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    jitter = np.random.default_rng(0)
    for place, (colour, found) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        looks = {"read": (colour, colour), "along": ("none", colour), "shuffled": (_CONTROL, _CONTROL)}
        for at, (way, (face, edge)) in zip((place - 0.27, place, place + 0.27), looks.items(), strict=True):
            values = np.array([_drawn(value) for value in found["interference"][way]["of_each"]])
            across = at + jitter.uniform(-0.08, 0.08, len(values))
            ax.scatter(across, values, s=7, linewidths=0.6, facecolors=face, edgecolors=edge)
            ax.hlines(np.nanmean(values) if len(values) else np.nan, at - 0.12, at + 0.12, color="k")
    ax.axhline(0.5, color="0.8", linewidth=0.7, zorder=0)
    ax.set(ylim=(0, 1), ylabel="constructive share, of each feature", title="Is interference help?")
    words = {
        "as it is read": ("0.2", "0.2"),
        "read along directions": ("none", "0.2"),
        "activations shuffled": (_CONTROL, _CONTROL),
    }
    dots = [_dot(face, edge, label) for label, (face, edge) in words.items()]
    ax.legend(handles=dots, fontsize=8, loc="lower right")
    _named(ax, populations)


def _dot(face: str, edge: str, label: str) -> Line2D:
    return Line2D([], [], ls="", marker="o", ms=4, markerfacecolor=face, markeredgecolor=edge, label=label)


def _ring(ax: Axes, of: Mapping[str, Any] | None) -> None:
    ax.set(title="Curves in the plane of two components", xlabel="first component", ylabel="second component")
    if of is None:
        _nothing(ax)
        return
    x, y = np.array(of["points"]).T
    ax.plot([*x, x[0]], [*y, y[0]], color="0.85", linewidth=0.8, zorder=0)
    dots = ax.scatter(
        x, y, c=of["at"], cmap="twilight_shifted", vmin=0, vmax=360, s=28, edgecolors="0.3", linewidths=0.4
    )
    bar = ax.figure.colorbar(dots, ax=ax, ticks=[0, 90, 180, 270, 360])
    bar.set_label("preferred orientation (°)")
    ax.set_aspect("equal", "datalim")
    ax.set_title(f"Plane of two components, {of['share']:.0%} of variance")


def _angles(ax: Axes, of: Mapping[str, Any] | None) -> None:
    ax.set(
        title="Angle in the plane", xlabel="preferred orientation (°)", ylabel="angle in the plane - orientation (°)"
    )
    if of is None:
        _nothing(ax)
        return
    # Less the orientation, that 1 and 359 degrees may lie side by side.
    off = (np.array(of["angles"]) - np.array(of["at"]) + 180) % 360 - 180
    ax.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    ax.scatter(of["at"], off, s=16, color=_COLOURS[0], linewidths=0)
    ax.set(xlim=(0, 360), ylim=(-180, 180), xticks=range(0, 361, 90), yticks=range(-180, 181, 90))
    alike = f"alike {of['alike']:.2f} (by chance {of['shuffled_alike']:.2f})"
    kept = f"neighbours kept {of['kept']:.2f} ({of['kept_by_chance']:.2f})"
    ax.set_title(f"Angle in the plane: {alike},\n{kept}")


def _harmonics(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    rings = {name: (colour, of["ring"]) for colour, (name, of) in zip(_COLOURS, populations.items(), strict=True)}
    rings = {name: pair for name, pair in rings.items() if pair[1] is not None}
    width = 0.8 / max(len(rings), 1)
    for place, (name, (colour, of)) in enumerate(rings.items()):
        at = np.arange(1, len(of["harmonics"]) + 1) + (place - (len(rings) - 1) / 2) * width
        ax.bar(at, of["harmonics"], width, color=colour, label=name)
        ax.hlines(of["shuffled_harmonics"], at - width / 2, at + width / 2, color="k", linewidth=1.2)
    ax.set(
        xlabel="harmonic of the place on the ring",
        ylabel="share of variance",
        title="Harmonics (line: places shuffled)",
    )
    if rings:
        ax.legend(fontsize=8)


def _named(ax: Axes, populations: Mapping[str, Any]) -> None:
    names = [name.replace(", ", ",\n").replace(" features", "\nfeatures") for name in populations]
    ax.set_xticks(range(len(names)), names, fontsize=7)
    ax.set_xlim(-0.5, len(names) - 0.5)


def _nothing(ax: Axes) -> None:
    ax.text(0.5, 0.5, "fewer than five curve features", ha="center", va="center", transform=ax.transAxes, color="0.4")
    ax.set(xticks=[], yticks=[])


def _drawn(value: float | None) -> float:
    return np.nan if value is None else value


def _told(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
