"""The frontier: how well each kind of dictionary describes a layer, against how many features it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.plots._style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, save_figure

# Baselines are grey. A marker each for those who print in grey, and the same for a kind in every plot.
_STYLES = {
    "relu": (VERMILION, "o", "-"),
    "gated": (ORANGE, "s", "-"),
    "topk": (BLUE, "D", "-"),
    "batchtopk": (SKY, "^", "-"),
    "jumprelu": (GREEN, "v", "-"),
    "matryoshka": (PURPLE, "P", "-"),
    "archetypal": ("#000000", "X", "-"),
    "block": ("#8c6d31", "h", "-"),
    "pca": ("0.35", "<", "--"),
    "ica": ("0.5", ">", "--"),
    "random": ("0.65", "*", "--"),
    "neurons": ("0.75", "d", "--"),
}

# Figures of which good dictionaries have 0.9, 0.99 or 0.999: what is missing to one is drawn logarithmically.
_NEAR_ONE = {"explained_variance", "loss_recovered_zero", "kl_recovered_zero"}
_NEAREST = 1e-4
_TICKS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999)


def style(kind: str) -> dict[str, Any]:
    """How a kind's line is drawn."""
    colour, marker, line = _STYLES[kind]
    return {"color": colour, "marker": marker, "linestyle": line, "linewidth": 1.1, "markersize": 4, "label": kind}


@dataclass(frozen=True)
class Point:
    """One dictionary on the frontier: its kind, its mean L0, and its figures by name."""

    kind: str
    l0: float
    figures: Mapping[str, Any]


def plot_frontier(points: Sequence[Point], panels: Mapping[str, str], title: str, path: Path) -> None:
    """Draw figures against L0, one line a kind, a panel for each figure that any of the points has.

    panels: from the name of a figure to its axis's label.  Raises `VisaeError` for a suffix that is no kind of picture.
    """
    drawn = {name: label for name, label in panels.items() if any(p.figures.get(name) is not None for p in points)}
    figure = Figure(figsize=(3.6 * max(len(drawn), 1) + 1.2, 3.4), layout="constrained", dpi=200)
    kinds = [kind for kind in _STYLES if any(point.kind == kind for point in points)]
    axes: Axes | None = None
    for column, (name, label) in enumerate(drawn.items()):
        axes = figure.add_subplot(1, len(drawn), column + 1)
        for kind in kinds:
            _line(axes, [point for point in points if point.kind == kind], name)
        _label(axes, label)
        if name in _NEAR_ONE:
            _stretch(axes)
    if axes is not None:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _line(axes: Axes, points: Sequence[Point], name: str) -> None:
    # A logarithmic axis has no place for a dictionary whose features never fire.
    there = sorted(
        (point.l0, value) for point in points if point.l0 > 0 and (value := point.figures.get(name)) is not None
    )
    axes.plot([l0 for l0, _ in there], [value for _, value in there], **style(points[0].kind))


def _stretch(axes: Axes) -> None:
    """Give 0.9, 0.99 and 0.999 the same distance; what is beyond 0.9999, or above one by chance, is drawn there."""

    def nines(value: Any) -> Any:
        return -np.log10(np.clip(1 - np.asarray(value, dtype=float), _NEAREST, None))

    axes.set_yscale("function", functions=(nines, lambda count: 1 - 10.0 ** -np.asarray(count, dtype=float)))
    axes.set_yticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_ylim(top=1 - _NEAREST / 1.3)


def _label(axes: Axes, label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("L0: features that fire at a position", fontsize=8)
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.88")
    axes.spines[["top", "right"]].set_visible(False)
