"""Maps of response over orientation and radius, a panel a unit."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from visae.plots._style import save_figure

_COLUMNS = 5
_TICKS = 5
_Cell = tuple[str, np.ndarray]


def draw_heatmaps(
    title: str,
    groups: Sequence[Mapping[str, Float[np.ndarray, "r o"]]],
    radii: Float[np.ndarray, " r"],
    unit: str,
    path: Path,
) -> None:
    """Draw maps on one scale of colour, from 0 to the largest response; large radii are at the top.

    groups: maps by their names; each group begins a row of its own.
    unit:   what the responses are measured in. Colours go with its square root, so that weak responses show.
    radii:  px, log-spaced.  Orientations are 360 degrees, evenly, from 0.
    """
    groups = [group for group in groups if group]
    columns = min(_COLUMNS, max(len(group) for group in groups))
    cells = [cell for group in groups for cell in _filled(list(group.items()), columns)]
    rows = len(cells) // columns
    figure = Figure(figsize=(2.3 * columns + 0.8, 1.6 * rows + 0.6), layout="constrained", dpi=180)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    largest = max(float(values.max()) for group in groups for values in group.values())
    norm = PowerNorm(0.5, 0, max(largest, 1e-12))
    for axes, cell in zip(grid.flat, cells, strict=True):
        if cell is None:
            axes.set_visible(False)
            continue
        name, values = cell
        image = axes.imshow(
            values[::-1],
            norm=norm,
            cmap="magma",
            aspect="auto",
            interpolation="nearest",
            extent=(0, 360, 0, len(radii)),
        )
        axes.set_title(name, fontsize=8, pad=3)
        _ticks(axes, radii)
    figure.supxlabel("orientation, degrees clockwise from +x", fontsize=8)
    figure.supylabel("radius, px", fontsize=8)
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(unit, fontsize=8)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _filled(cells: list[_Cell], columns: int) -> list[_Cell | None]:
    """The cells of a group, and empty ones to the end of its last row."""
    return [*cells, *[None] * (-len(cells) % columns)]


def _ticks(axes: Axes, radii: Float[np.ndarray, " r"]) -> None:
    places = np.linspace(0, len(radii) - 1, min(_TICKS, len(radii))).round().astype(int)
    axes.set_yticks(places + 0.5, labels=[f"{radii[place]:.0f}" for place in places])
    axes.set_xticks([0, 90, 180, 270, 360])
    axes.tick_params(labelsize=6, length=2)
