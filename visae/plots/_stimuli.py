"""A contact sheet of all kinds of stimuli: a row per kind, over orientations and along each other parameter."""

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from visae.plots._style import save_figure
from visae.tuning.stimuli import STIMULI, Stimulus

_SIZE, _CENTRE = 64, 31.5
_ORIENTATIONS = 6


def plot_stimuli(path: str | Path) -> None:
    """Plot the contact sheet into a PNG, PDF or SVG file; raises `VisaeError` for another suffix."""
    kinds = list(STIMULI.values())
    rows = [_row(kind) for kind in kinds]
    columns = max(len(row) for row in rows)
    figure = Figure(
        figsize=(0.82 * columns + 1.1, 1.02 * len(rows) + 0.3),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
        dpi=150,
    )
    grid = figure.subplots(len(rows), columns)
    for line, kind, row in zip(grid, kinds, rows, strict=True):
        for axes in line:
            axes.axis("off")
        for axes, (title, settings) in zip(line, row, strict=False):
            _draw_stimulus(axes, kind, settings, title)
        name = kind.name.replace("_", "\n")
        line[0].text(-0.12, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle(f"Stimuli, {_SIZE} px; orientations in degrees clockwise from +x, lengths in px", fontsize=9)
    save_figure(figure, Path(path))


def _draw_stimulus(axes: Axes, kind: Stimulus, settings: dict[str, float], title: str) -> None:
    parameters = {name: torch.tensor([value]) for name, value in settings.items()}
    image = kind.images(parameters, _SIZE, _CENTRE)[0].permute(1, 2, 0)
    axes.imshow(image.clamp(0, 1).numpy(), vmin=0, vmax=1, interpolation="nearest")
    axes.axis("on")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="0.8", linewidth=0.5)
    axes.set_title(title, fontsize=6, pad=2)


def _row(kind: Stimulus) -> list[tuple[str, dict[str, float]]]:
    """Titles and parameters of a row: orientations first, then one other parameter at a time."""
    orientations = [kind.period * step / _ORIENTATIONS for step in range(_ORIENTATIONS)]
    row = [(f"{degrees:g}°", {"orientation": degrees}) for degrees in orientations]
    for name, parameter in kind.parameters.items():
        unit = "°" if parameter.unit == "degrees" else ""
        row += [(f"{name} {value:g}{unit}", {"orientation": 30.0, name: value}) for value in parameter.sheet]
    return [*row, ("contrast", {"orientation": 30.0, "contrast": -kind.contrast})]
