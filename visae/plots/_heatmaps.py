"""Heatmaps of response over orientation and radius, one panel per unit."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage

from visae.plots._style import ORIENTATION_LABEL, new_figure, save_figure, style_axes

_COLUMNS = 5
_RADIUS_TICKS = 5
_Panel = tuple[str, np.ndarray]


def plot_heatmaps(
    groups: Sequence[Mapping[str, Float[np.ndarray, "r o"]]],
    radii: Float[np.ndarray, " r"],
    label: str,
    title: str,
    path: str | Path,
) -> None:
    """Plot all maps on one colour scale, from 0 to the largest response; large radii are at the top.

    groups: maps by name, over orientations evenly spaced from 0 to 360 degrees; each group begins a new row.
    radii:  px, log-spaced.
    label:  label of the colour scale, which follows the square root of the response, so that weak responses show.
    """
    groups = [group for group in groups if group]
    columns = min(_COLUMNS, max(len(group) for group in groups))
    panels = [panel for group in groups for panel in _padded(list(group.items()), columns)]
    rows = len(panels) // columns
    figure = new_figure(2.3 * columns + 0.8, 1.6 * rows + 0.6, title)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    largest = max(float(values.max()) for group in groups for values in group.values())
    norm = PowerNorm(0.5, 0, max(largest, 1e-12))
    for index, (axes, panel) in enumerate(zip(grid.flat, panels, strict=True)):
        if panel is None:
            axes.set_visible(False)
            continue
        image = _draw_map(axes, panel, norm, radii)
        # If the row below is not full, this is the lowest panel in its column.
        axes.tick_params(labelbottom=not any(panels[index + columns :: columns]))
    figure.supxlabel(ORIENTATION_LABEL, fontsize=8)
    figure.supylabel("radius, px", fontsize=8)
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(label, fontsize=8)
    save_figure(figure, path)


def _draw_map(axes: Axes, panel: _Panel, norm: PowerNorm, radii: Float[np.ndarray, " r"]) -> AxesImage:
    name, values = panel
    # Each cell is centred on its orientation.
    half = 180 / values.shape[1]
    extent = (-half, 360 - half, 0, len(radii))
    image = axes.imshow(values[::-1], norm=norm, cmap="magma", aspect="auto", interpolation="nearest", extent=extent)
    ticks = np.linspace(0, len(radii) - 1, min(_RADIUS_TICKS, len(radii))).round().astype(int)
    axes.set_yticks(ticks + 0.5, labels=[f"{radii[tick]:.0f}" for tick in ticks])
    axes.set_xticks([0, 90, 180, 270])
    style_axes(axes, title=name)
    axes.grid(False)
    axes.tick_params(labelsize=6, length=2)
    return image


def _padded(panels: list[_Panel], columns: int) -> list[_Panel | None]:
    """The panels of a group, and None to the end of its last row."""
    return [*panels, *[None] * (-len(panels) % columns)]
