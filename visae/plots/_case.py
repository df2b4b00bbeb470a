"""The picture of a neuron taken apart: its tuning with that of its features, and the images that each explains."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from visae.decomposition import NeuronDecomposition, Part, named
from visae.decomposition._case import Place
from visae.examples import border_margin
from visae.images import Images, rotated_crops, to_float
from visae.networks import Layer
from visae.plots._composed import Composed, draw_unit
from visae.plots._style import LINE_STYLES, save_figure

SHOWN = 4  # features
CROPS = 8  # of each feature
_GAP = 3  # px of white between crops
_HEIGHT, _POLAR, _STRIP = 4.3, 3.3, 6.6  # inches


def plot_neuron_decomposition(case: NeuronDecomposition, layer: Layer, images: Images | None, path: Path) -> None:
    """Draw a neuron's tuning to circles over what its largest features add to it, and a row of crops for each of these.

    A row holds dataset examples of the neuron, the strongest first, to which that feature adds more than any other;
    features without any have no row. Crops are of the receptive field, of small images of half their side. Without
    images the tuning is drawn alone.
    """
    shown = case.parts[:SHOWN]
    width = _POLAR + (_STRIP if images is not None else 0)
    # Axes have fixed places, so that pictures of neurons with few and with many features are alike.
    figure = Figure(figsize=(width, _HEIGHT), dpi=150)
    axes = figure.add_axes((0.5 / width, 1.2 / _HEIGHT, (_POLAR - 1.0) / width, 2.1 / _HEIGHT), projection="polar")
    assert isinstance(axes, PolarAxes)
    labels = [f"feature {part.feature}, {part.share:.0%}" for part in shown]
    adds, others = case.contributions[:SHOWN], case.contributions[SHOWN:]
    if len(others):
        adds = torch.cat([adds, others.sum(0, keepdim=True)])
        labels.append(f"the {len(others)} other features")
    circle = case.orientations.numpy(), case.tuning.numpy(), adds.numpy()
    draw_unit(axes, Composed("tuning to circles: the neuron (grey),\nand what features add to it", *circle, labels))
    if images is not None:
        _draw_rows(figure, case, shown, layer, images)
    figure.text(0.1 / width, 1 - 0.1 / _HEIGHT, _title(case), fontsize=10, va="top")
    save_figure(figure, path)


def _title(case: NeuronDecomposition) -> str:
    together = f" explain {case.parts[-1].together:.0%} of its variance" if case.parts else ""
    return f"{case.layer}:{case.neuron}: {len(case.parts)} features{together}"


def _draw_rows(figure: Figure, case: NeuronDecomposition, shown: Sequence[Part], layer: Layer, images: Images) -> None:
    count = sum(len(places) for places in case.examples) + case.unexplained
    width, row = _POLAR + _STRIP, (_HEIGHT - 0.5) / SHOWN
    explaining = [
        (colour, part, places)
        for (colour, _), part, places in zip(LINE_STYLES, shown, case.examples, strict=False)
        if places
    ]
    for place, (colour, part, places) in enumerate(explaining):
        bottom = _HEIGHT - 0.45 - (place + 1) * row
        axes = figure.add_axes((_POLAR / width, bottom / _HEIGHT, (_STRIP - 0.1) / width, (row - 0.2) / _HEIGHT))
        axes.imshow(_strip(places[:CROPS], layer, images))
        axes.set_anchor("W")
        axes.set_axis_off()
        text = (
            f"feature {part.feature}: {named(part.family, part.orientation)}; most in {len(places)} of {count} images"
        )
        axes.set_title(text, fontsize=7, color=colour, loc="left", pad=2)


def _strip(places: Sequence[Place], layer: Layer, images: Images) -> Float[np.ndarray, "h w 3"]:
    """Crops beside each other, on white."""
    # So far from the border the examples were taken from: nothing beyond the image is shown.
    size = int(2 * border_margin(layer, images)) + 1
    strip = torch.ones(3, size, CROPS * (size + _GAP) - _GAP)
    for index, (image, row, column) in enumerate(places):
        pixels = to_float(images.read(image)[0])
        crop = rotated_crops(pixels, layer.centre(column), layer.centre(row), torch.zeros(1), size, (size - 1) / 2)[0]
        strip[:, :, index * (size + _GAP) : index * (size + _GAP) + size] = crop
    return np.asarray(strip.permute(1, 2, 0).clamp(0, 1).numpy())
