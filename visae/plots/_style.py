"""One style for all figures: palette, line styles, axes, and saving."""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from visae._support import files
from visae._support.errors import VisaeError

# Okabe and Ito's palette: colour-blind readers can tell these apart.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
# Colour and dash of lines for populations, parts or seeds, in order.
LINE_STYLES = (
    (BLUE, "-"),
    (VERMILION, "-"),
    (GREEN, "--"),
    (PURPLE, "-."),
    (SKY, ":"),
    (ORANGE, "--"),
    ("#000000", ":"),
)
ORIENTATION_LABEL = "orientation, degrees clockwise from +x"


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Create an empty figure, sizes in inches, with a title above all its panels."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=180)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def style_axes(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Set small type and a faint grid, remove the frame above and to the right, and set any labels given."""
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.88")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if xlabel:
        axes.set_xlabel(xlabel, fontsize=8)
    if ylabel:
        axes.set_ylabel(ylabel, fontsize=8)
    if title:
        axes.set_title(title, fontsize=8)


def style_population_axis(axes: Axes, names: list[str], period: float, xlabel: str) -> None:
    """Give each population a row, the first on top, along an axis of orientations from 0 to `period` degrees."""
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, period)
    axes.set_xticks(np.arange(0, period + 1, 45))
    style_axes(axes, xlabel)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def style_polar_axes(axes: PolarAxes, title: str = "") -> None:
    """Orient the axes clockwise from +x with a tick every 45 degrees, for responses from 0 to 1."""
    axes.set_theta_direction(-1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.5, 1.0], labels=[])
    axes.set_xticks(np.deg2rad(np.arange(0, 360, 45)))
    axes.tick_params(labelsize=6, pad=-1)
    axes.grid(linewidth=0.4, color="0.8")
    axes.set_title(title, fontsize=8)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically, in the format of the suffix; raises `VisaeError` for an unknown one."""
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in figure.canvas.get_supported_filetypes():
        raise VisaeError(
            f"a plot cannot be a {path.suffix or 'file without suffix'}: {path}; name a .png, .pdf or .svg"
        )
    buffer = BytesIO()
    figure.savefig(buffer, format=suffix)
    files.write_bytes(path, buffer.getvalue())
