"""What the figures of the bag of words have in common: a panel with axes, and one of items on a ring."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes


def plain(axes: Axes, x: str, y: str) -> None:
    """Name the axes, and draw them quietly."""
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def ring(axes: Axes, points: Float[np.ndarray, "n 2"], labels: Sequence[str]) -> None:
    """Items as points of a cyclic colour, with lines from each to the next."""
    n = len(points)
    closed = np.vstack([points, points[:1]])
    axes.plot(closed[:, 0], closed[:, 1], color="0.75", linewidth=0.8, zorder=1)
    colours = matplotlib.colormaps["twilight_shifted"](np.arange(n) / n)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=24, edgecolors="0.3", linewidths=0.4, zorder=2)
    for point, label in zip(points, labels, strict=True):
        away = point / max(float(np.linalg.norm(point)), 1e-9)
        # A word is wider than it is high.
        reach = (6 + 2 * len(label), 8)
        axes.annotate(
            label,
            point,
            xytext=reach * away,
            textcoords="offset points",
            fontsize=6,
            ha="center",
            va="center",
            zorder=3,
        )
    most = 1.35 * max(float(np.abs(points).max()), 1e-9)
    axes.set(xlim=(-most, most), ylim=(-most, most), aspect="equal", xticks=[], yticks=[])
