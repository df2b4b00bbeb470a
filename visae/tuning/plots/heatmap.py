"""Maps of response over orientation and radius, a panel a unit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.picture import save_figure

_COLUMNS = 5
_TICKS = 5


def draw_heatmaps(
    title: str,
    names: Sequence[str],
    maps: Float[np.ndarray, "n r o"],
    radii: Float[np.ndarray, " r"],
    unit: str,
    path: Path,
) -> None:
    """Draw `n` maps on one scale of colour, from 0 to the largest response; large radii are at the top.

    unit: what the responses are measured in.  radii: px, log-spaced.  Orientations are 360 degrees, evenly, from 0.
    """
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(2.3 * columns + 0.8, 1.6 * rows + 0.6), layout="constrained", dpi=180)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    largest = max(float(maps.max()), 1e-12)
    for axes, name, values in zip(grid.flat, names, maps, strict=False):
        image = axes.imshow(
            values[::-1],
            vmin=0,
            vmax=largest,
            cmap="magma",
            aspect="auto",
            interpolation="nearest",
            extent=(0, 360, 0, len(radii)),
        )
        axes.set_title(name, fontsize=8, pad=3)
        _ticks(axes, radii)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("orientation, degrees clockwise from +x", fontsize=8)
    figure.supylabel("radius, px", fontsize=8)
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(unit, fontsize=8)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _ticks(axes: Axes, radii: Float[np.ndarray, " r"]) -> None:
    places = np.linspace(0, len(radii) - 1, min(_TICKS, len(radii))).round().astype(int)
    axes.set_yticks(places + 0.5, labels=[f"{radii[place]:.0f}" for place in places])
    axes.set_xticks([0, 90, 180, 270, 360])
    axes.tick_params(labelsize=6, length=2)
