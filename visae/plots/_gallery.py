"""Units side by side: of each a dataset example, the picture drawn for it, and its tuning to circles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from visae.examples import Examples
from visae.images import Images
from visae.plots._panels import SIDE, crop, seen
from visae.plots._style import BLUE, save_figure

_WIDTH, _SIDE, _LEFT, _TOP = 1.06, 0.98, 0.75, 0.42  # inches


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One unit.

    example:  the crop of an image; None where it fires in none.
    drawn:    the picture, [3, s, s], 0..1.
    tuning:   responses at evenly spaced orientations, from 0 to 360 degrees.
    """

    label: str
    example: UInt8[np.ndarray, "z z 3"] | None
    drawn: Float[Tensor, "3 s s"]
    tuning: Float[np.ndarray, " o"]


def best_example(examples: Examples, unit: int, images: Images) -> UInt8[np.ndarray, "z z 3"] | None:
    """What a unit sees where it fires most, enlarged; None if it does nowhere."""
    places = examples.of(unit)
    if not places:
        return None
    image, row, column = places[0]
    pixels = images.read(image)[0].numpy()
    side = min(examples.layer.receptive_field, images.size)
    return crop(pixels, seen(examples.layer, row, column, side, images.size))


def draw_gallery(title: str, exhibits: Sequence[Exhibit], path: Path) -> None:
    """Draw a column for each unit: its dataset example, its picture and its tuning."""
    width, height = _LEFT + _WIDTH * len(exhibits), _TOP + 3 * _WIDTH
    figure = Figure(figsize=(width, height), dpi=115)
    figure.text(0.08 / width, 1 - 0.05 / height, title, fontsize=9, va="top")
    for row, words in enumerate(("dataset\nexample", "drawn", "tuning")):
        middle = height - _TOP - row * _WIDTH - _SIDE / 2
        figure.text((_LEFT - 0.08) / width, middle / height, words, fontsize=8, ha="right", va="center")
    for column, exhibit in enumerate(exhibits):
        for row in range(3):
            place = (_LEFT + column * _WIDTH, height - _TOP - row * _WIDTH - _SIDE, _SIDE, _SIDE)
            inches = place[0] / width, place[1] / height, place[2] / width, place[3] / height
            axes = figure.add_axes(inches, projection="polar" if row == 2 else None)
            (_draw_example, _draw_drawn, _draw_tuning)[row](axes, exhibit)
    save_figure(figure, path)


def _draw_example(axes: Axes, exhibit: Exhibit) -> None:
    none = np.full((SIDE, SIDE, 3), 238, np.uint8)
    axes.imshow(none if exhibit.example is None else exhibit.example)
    axes.set_title(exhibit.label, fontsize=7, pad=2)
    axes.set_axis_off()


def _draw_drawn(axes: Axes, exhibit: Exhibit) -> None:
    axes.imshow(torch.clamp(exhibit.drawn, 0, 1).permute(1, 2, 0).numpy(), interpolation="lanczos")
    axes.set_axis_off()


def _draw_tuning(axes: Axes, exhibit: Exhibit) -> None:
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    angle = np.linspace(0, 2 * np.pi, len(exhibit.tuning) + 1)
    closed = np.append(exhibit.tuning, exhibit.tuning[0]).clip(0) / max(exhibit.tuning.max(), 1e-12)
    axes.fill(angle, closed, color=BLUE, alpha=0.25)
    axes.plot(angle, closed, color=BLUE, linewidth=1)
    axes.set_ylim(0, 1)
    axes.set_xticks(np.deg2rad(np.arange(0, 360, 45)), labels=[])
    axes.set_yticks([0.5, 1.0], labels=[])
    axes.grid(linewidth=0.4, color="0.8")
