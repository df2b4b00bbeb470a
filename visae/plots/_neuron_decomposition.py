"""A decomposed neuron: its tuning over its features' contributions, and the dataset examples each feature explains."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from visae.decomposition import NeuronDecomposition, describe_detector
from visae.examples import border_margin
from visae.images import Images, rotated_crops, to_float
from visae.networks import Layer
from visae.plots._style import LINE_STYLES, save_figure
from visae.plots._tuning_curves import DecomposedTuning, draw_decomposed_tuning

FEATURES_SHOWN = 4
CROPS_SHOWN = 8  # per feature
_GAP = 3  # px of white between crops
_HEIGHT, _POLAR, _STRIP = 4.3, 3.3, 6.4  # inches


def plot_neuron_decomposition(case: NeuronDecomposition, layer: Layer, images: Images | None, path: str | Path) -> None:
    """Plot a neuron's tuning to circles over the contributions of its largest features, and a row of crops for each.

    A row shows dataset examples of the neuron to which that feature contributes most, strongest first; features without
    any have no row. Crops show the receptive field, or half the side of small images. Without images only the tuning is
    plotted.
    """
    width = _POLAR + (_STRIP if images is not None else 0)
    # Fixed positions, so that figures of neurons with few and many features match.
    figure = Figure(figsize=(width, _HEIGHT), dpi=150)
    axes = figure.add_axes((0.5 / width, 1.2 / _HEIGHT, (_POLAR - 1.0) / width, 2.1 / _HEIGHT), projection="polar")
    assert isinstance(axes, PolarAxes)
    draw_decomposed_tuning(axes, _tuning(case))
    if images is not None:
        _draw_rows(figure, case, layer, images)
    explained = f" explain {case.parts[-1].together:.0%} of its variance" if case.parts else ""
    title = f"{case.layer}:{case.neuron}: {len(case.parts)} features{explained}"
    figure.text(0.1 / width, 1 - 0.1 / _HEIGHT, title, fontsize=10, va="top")
    save_figure(figure, path)


def _tuning(case: NeuronDecomposition) -> DecomposedTuning:
    """The neuron's tuning and its largest contributions; the rest are summed."""
    labels = [f"feature {part.feature}, {part.share:.0%}" for part in case.parts[:FEATURES_SHOWN]]
    shown, rest = case.contributions[:FEATURES_SHOWN], case.contributions[FEATURES_SHOWN:]
    if len(rest):
        shown = torch.cat([shown, rest.sum(0, keepdim=True)])
        labels.append(f"{len(rest)} other feature{'s' if len(rest) > 1 else ''}")
    title = "tuning to circles: the neuron (grey),\nand contributions of features"
    return DecomposedTuning(title, case.orientations.numpy(), case.tuning.numpy(), shown.numpy(), labels)


def _draw_rows(figure: Figure, case: NeuronDecomposition, layer: Layer, images: Images) -> None:
    count = sum(len(positions) for positions in case.examples) + case.unexplained
    width, height = _POLAR + _STRIP, (_HEIGHT - 0.5) / FEATURES_SHOWN
    parts = zip(LINE_STYLES, case.parts[:FEATURES_SHOWN], case.examples, strict=False)
    rows = [(colour, part, positions) for (colour, _), part, positions in parts if positions]
    for index, (colour, part, positions) in enumerate(rows):
        bottom = _HEIGHT - 0.45 - (index + 1) * height
        axes = figure.add_axes((_POLAR / width, bottom / _HEIGHT, (_STRIP - 0.1) / width, (height - 0.2) / _HEIGHT))
        axes.imshow(_strip(positions[:CROPS_SHOWN], layer, images))
        axes.set_anchor("W")
        axes.set_axis_off()
        meaning = describe_detector(part.family, part.orientation)
        title = f"feature {part.feature}: {meaning}; contributes most in {len(positions)} of {count} images"
        axes.set_title(title, fontsize=7, color=colour, loc="left", pad=2)


def _strip(positions: Sequence[tuple[int, int, int]], layer: Layer, images: Images) -> Float[np.ndarray, "h w 3"]:
    """Crops side by side, on white."""
    # The examples were searched within this margin, so that crops show nothing beyond the image.
    size = int(2 * border_margin(layer, images)) + 1
    strip = torch.ones(3, size, CROPS_SHOWN * (size + _GAP) - _GAP)
    for index, (image, row, column) in enumerate(positions):
        pixels = to_float(images.read(image)[0])
        crop = rotated_crops(pixels, layer.centre(column), layer.centre(row), torch.zeros(1), size, (size - 1) / 2)[0]
        strip[:, :, index * (size + _GAP) : index * (size + _GAP) + size] = crop
    return np.asarray(strip.permute(1, 2, 0).clamp(0, 1).numpy())
