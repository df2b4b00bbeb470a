"""A gallery of units: a dataset example, a feature visualisation and the tuning to circles for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes
from torch import Tensor

from visae.examples import Examples
from visae.images import Images
from visae.plots._crops import SIDE, crop, square_around
from visae.plots._style import BLUE, save_figure, style_polar_axes

_PITCH, _SIDE, _LEFT, _TOP = 1.06, 0.98, 0.9, 0.42  # inches
_ROWS = "dataset\nexample", "feature\nvisualisation", "tuning\nto circles"


@dataclass(frozen=True, eq=False)
class GalleryUnit:
    """One column of the gallery.

    example:       crop of an image; None for a unit that fires in none.
    visualisation: [3, s, s], 0..1.
    tuning:        responses at orientations evenly spaced over 360 degrees.
    """

    label: str
    example: UInt8[np.ndarray, "z z 3"] | None
    visualisation: Float[Tensor, "3 s s"]
    tuning: Float[np.ndarray, " o"]


def crop_strongest(examples: Examples, unit: int, images: Images) -> UInt8[np.ndarray, "z z 3"] | None:
    """Return the receptive field of a unit's strongest example, enlarged; None for a unit without examples."""
    positions = examples.positions(unit)
    if not positions:
        return None
    image, row, column = positions[0]
    pixels = images.read(image)[0].numpy()
    side = min(examples.layer.receptive_field, images.size)
    return crop(pixels, square_around(examples.layer, row, column, side, images.size))


def plot_gallery(units: Sequence[GalleryUnit], title: str, path: str | Path) -> None:
    """Plot a column per unit: its dataset example, its feature visualisation and its tuning."""
    width, height = _LEFT + _PITCH * len(units), _TOP + len(_ROWS) * _PITCH
    # Fixed positions, in inches, so that pictures keep their size whatever the number of units.
    figure = Figure(figsize=(width, height), dpi=115)
    figure.text(0.08 / width, 1 - 0.05 / height, title, fontsize=9, va="top")
    for row, label in enumerate(_ROWS):
        bottom = height - _TOP - row * _PITCH - _SIDE
        figure.text((_LEFT - 0.08) / width, (bottom + _SIDE / 2) / height, label, fontsize=8, ha="right", va="center")
        for column, unit in enumerate(units):
            rectangle = ((_LEFT + column * _PITCH) / width, bottom / height, _SIDE / width, _SIDE / height)
            axes = figure.add_axes(rectangle, projection="polar" if row == 2 else None)
            (_draw_example, _draw_visualisation, _draw_tuning)[row](axes, unit)
    save_figure(figure, path)


def _draw_example(axes: Axes, unit: GalleryUnit) -> None:
    blank = np.full((SIDE, SIDE, 3), 238, np.uint8)
    axes.imshow(blank if unit.example is None else unit.example)
    axes.set_title(unit.label, fontsize=7, pad=2)
    axes.set_axis_off()


def _draw_visualisation(axes: Axes, unit: GalleryUnit) -> None:
    axes.imshow(torch.clamp(unit.visualisation, 0, 1).permute(1, 2, 0).numpy(), interpolation="lanczos")
    axes.set_axis_off()


def _draw_tuning(axes: Axes, unit: GalleryUnit) -> None:
    assert isinstance(axes, PolarAxes)
    style_polar_axes(axes)
    axes.set_xticklabels([])
    angle = np.linspace(0, 2 * np.pi, len(unit.tuning) + 1)
    closed = np.append(unit.tuning, unit.tuning[0]).clip(0) / max(unit.tuning.max(), 1e-12)
    axes.fill(angle, closed, color=BLUE, alpha=0.25)
    axes.plot(angle, closed, color=BLUE, linewidth=1)
