"""The figure: features of a layer beside the two toys and the shuffled controls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.picture import BLUE, GREEN, ORANGE, PURPLE, save_figure

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
    ax.set(
        xlabel="correlation of activations",
        ylabel="cosine of directions",
        title=f"Pairs of {found['features']} curve and line features, r = {_told(found['r'])}",
    )


def _agreement(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    for place, (colour, found) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        of = found["arrangement"]
        control = "shuffled, ±2 s.d." if place == 0 else None
        spread = 2 * (of["shuffled_sd"] or 0)
        ax.errorbar(place, _drawn(of["shuffled_r"]), spread, fmt="o", color=_CONTROL, capsize=3, ms=4, label=control)
        ax.plot(
            place, np.nan if of["r"] is None else of["r"], "D", color=colour, label="measured" if place == 0 else None
        )
    ax.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    ax.set(ylim=(-1.05, 1.05), ylabel="r, correlation against cosine", title="Does arrangement follow co-activation?")
    ax.legend(fontsize=8, loc="lower left")
    _named(ax, populations)


def _constructive(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    jitter = np.random.default_rng(0)
    for place, (colour, found) in enumerate(zip(_COLOURS, populations.values(), strict=True)):
        of = found["interference"]
        for side, name, drawn in ((-0.16, "of_each", colour), (0.16, "shuffled_of_each", _CONTROL)):
            values = np.array([_drawn(value) for value in of[name]])
            ax.scatter(place + side + jitter.uniform(-0.09, 0.09, len(values)), values, s=7, color=drawn, linewidths=0)
            ax.hlines(
                np.nanmean(values) if len(values) else np.nan, place + side - 0.13, place + side + 0.13, color="k"
            )
    ax.axhline(0.5, color="0.8", linewidth=0.7, zorder=0)
    ax.set(ylim=(0, 1), ylabel="constructive share", title="Is interference help? (grey: shuffled)")
    _named(ax, populations)


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
    ax.set(title="Angle in the plane", xlabel="preferred orientation (°)", ylabel="angle in the plane, turned (°)")
    if of is None:
        _nothing(ax)
        return
    ax.plot([0, 360], [0, 360], color="0.8", linewidth=0.7, zorder=0)
    ax.scatter(of["at"], of["angles"], s=16, color=_COLOURS[0], linewidths=0)
    ax.set(xlim=(0, 360), ylim=(0, 360), xticks=range(0, 361, 90), yticks=range(0, 361, 90))
    ax.set_title(f"Alike {of['alike']:.2f}, by chance {of['shuffled_alike']:.2f}")


def _harmonics(ax: Axes, populations: Mapping[str, Mapping[str, Any]]) -> None:
    rings = {name: (colour, of["ring"]) for colour, (name, of) in zip(_COLOURS, populations.items(), strict=True)}
    rings = {name: pair for name, pair in rings.items() if pair[1] is not None}
    width = 0.8 / max(len(rings), 1)
    for place, (name, (colour, of)) in enumerate(rings.items()):
        at = np.arange(1, len(of["harmonics"]) + 1) + (place - (len(rings) - 1) / 2) * width
        ax.bar(at, of["harmonics"], width, color=colour, label=name)
        ax.hlines(of["shuffled_harmonics"], at - width / 2, at + width / 2, color="k", linewidth=1.2)
    ax.set(xlabel="harmonic of the place on the ring", ylabel="share of variance", title="Harmonics (line: shuffled)")
    if rings:
        ax.legend(fontsize=8)


def _named(ax: Axes, populations: Mapping[str, Any]) -> None:
    names = [name.replace(", ", ",\n").replace(" features", "\nfeatures") for name in populations]
    ax.set_xticks(range(len(names)), names, fontsize=8)
    ax.set_xlim(-0.5, len(names) - 0.5)


def _nothing(ax: Axes) -> None:
    ax.text(0.5, 0.5, "fewer than five curve features", ha="center", va="center", transform=ax.transAxes, color="0.4")
    ax.set(xticks=[], yticks=[])


def _drawn(value: float | None) -> float:
    return np.nan if value is None else value


def _told(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
