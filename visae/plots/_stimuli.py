"""A contact sheet: every kind of stimulus, a row each, around its orientations and along its other parameters."""

from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from visae.plots._style import save_figure
from visae.tuning.stimuli import STIMULI, Stimulus

_SIZE, _CENTRE = 64, 31.5
_TURNS = 6
# What is shown of a parameter besides its default.
_SHOWN: dict[str, tuple[float, ...]] = {
    "radius": (8.0, 40.0),
    "width": (1.0, 6.0),
    "fade": (12.0,),
    "span": (45.0, 180.0),
    "gap": (12.0,),
    "length": (24.0,),
    "blur": (16.0,),
    "opening": (45.0, 135.0),
    "wavelength": (16.0,),
    "phase": (90.0,),
    "sigma": (14.0,),
    "hue": (60.0, 120.0),
    "ratio": (2.0,),
}


def plot_stimuli(path: str | Path) -> None:
    """Draw the sheet into a PNG, PDF or SVG file."""
    rows = [_row(kind) for kind in STIMULI.values()]
    columns = max(len(row) for row in rows)
    figure = Figure(
        figsize=(0.82 * columns + 1.1, 1.02 * len(rows) + 0.3),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
        dpi=150,
    )
    grid = figure.subplots(len(rows), columns)
    for kind, row, line in zip(STIMULI.values(), rows, grid, strict=True):
        for axes in line:
            axes.axis("off")
        for axes, (title, settings) in zip(line, row, strict=False):
            parameters = {name: torch.tensor([value]) for name, value in settings.items()}
            image = kind.images(parameters, _SIZE, _CENTRE)[0].permute(1, 2, 0)
            axes.imshow(image.clamp(0, 1).numpy(), vmin=0, vmax=1, interpolation="nearest")
            axes.axis("on")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(color="0.8", linewidth=0.5)
            axes.set_title(title, fontsize=6, pad=2)
        name = kind.name.replace("_", "\n")
        line[0].text(-0.12, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle(f"Stimuli, {_SIZE} px; orientations in degrees clockwise from +x, lengths in px", fontsize=9)
    save_figure(figure, Path(path))


def _row(kind: Stimulus) -> list[tuple[str, dict[str, float]]]:
    """Titles and parameters of a row: orientations first, then one other parameter at a time."""
    turns = [kind.period * turn / _TURNS for turn in range(_TURNS)]
    shown: list[tuple[str, dict[str, float]]] = [(f"{turn:g}°", {"orientation": turn}) for turn in turns]
    for name in kind.parameters:
        unit = "°" if kind.parameters[name].unit == "degrees" else ""
        shown += [(f"{name} {value:g}{unit}", {"orientation": 30.0, name: value}) for value in _SHOWN.get(name, ())]
    return [*shown, ("contrast", {"orientation": 30.0, "contrast": -kind.contrast})]
