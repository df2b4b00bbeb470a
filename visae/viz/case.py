"""The picture of a neuron taken apart: its tuning with that of its features, and the images that each explains."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.projections.polar import PolarAxes

from visae.decomposition import Case, Part, named
from visae.decomposition.case import Place
from visae.examples import clear_of_border
from visae.images import Images
from visae.images.turned import turned
from visae.picture import save_figure
from visae.tuning.plots import Composed
from visae.tuning.plots.composed import draw_unit
from visae.tuning.plots.looks import LOOKS
from visae.zoo.layers import Layer

SHOWN = 4  # features
_CROPS = 8  # of each feature
_GAP = 3  # px of white between crops


def draw_case(case: Case, layer: Layer, images: Images | None, path: Path) -> None:
    """Draw a neuron's tuning to circles over what its largest features add to it, and a row of crops for each of these.

    A row holds dataset examples of the neuron, the strongest first, to which that feature adds more than any other.
    Crops are of the receptive field, of small images of half their side. Without images the tuning is drawn alone.
    """
    shown = case.parts[:SHOWN]
    wide = images is not None
    figure = Figure(figsize=(9.6 if wide else 3.6, 3.9), layout="constrained", dpi=150)
    grid = figure.add_gridspec(1, 2 if wide else 1, width_ratios=(3, 6) if wide else (1,))
    axes = figure.add_subplot(grid[0], projection="polar")
    assert isinstance(axes, PolarAxes)
    labels = [f"feature {part.feature}, {part.share:.0%}" for part in shown]
    circle = case.orientations.numpy(), case.tuning.numpy(), case.contributions[: len(shown)].numpy()
    draw_unit(axes, Composed("tuning to circles: the neuron (grey),\nand what features add to it", *circle, labels))
    if images is not None and shown:
        _draw_rows(figure, grid[1], case, shown, layer, images)
    figure.suptitle(_title(case), fontsize=10)
    save_figure(figure, path)


def _title(case: Case) -> str:
    together = f", which explain {case.parts[-1].together:.0%} of its variance" if case.parts else ""
    return f"{case.layer}:{case.neuron}, {len(case.parts)} features{together}"


def _draw_rows(
    figure: Figure, place: SubplotSpec, case: Case, shown: Sequence[Part], layer: Layer, images: Images
) -> None:
    count = sum(len(places) for places in case.examples) + case.unexplained
    # As many rows as can be shown, so that crops are as large in every picture.
    rows = place.subgridspec(SHOWN, 1)
    for row, (part, places) in enumerate(zip(shown, case.examples, strict=False)):
        axes = figure.add_subplot(rows[row])
        axes.imshow(_strip(places[:_CROPS], layer, images))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        text = (
            f"feature {part.feature}: {named(part.family, part.orientation)}; most in {len(places)} of {count} examples"
        )
        axes.set_title(text, fontsize=7, color=LOOKS[row][0], loc="left", pad=2)


def _strip(places: Sequence[Place], layer: Layer, images: Images) -> Float[np.ndarray, "h w 3"]:
    """Crops beside each other, on white."""
    # So far from the border the examples were taken from: nothing beyond the image is shown.
    size = int(2 * clear_of_border(layer, images)) + 1
    strip = torch.ones(3, size, _CROPS * (size + _GAP) - _GAP)
    for index, (image, row, column) in enumerate(places):
        pixels = images.read(image)[0].float() / 255
        crop = turned(pixels, layer.centre(column), layer.centre(row), torch.zeros(1), size, (size - 1) / 2)[0]
        strip[:, :, index * (size + _GAP) : index * (size + _GAP) + size] = crop
    return np.asarray(strip.permute(1, 2, 0).clamp(0, 1).numpy())
