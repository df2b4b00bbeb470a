from pathlib import Path

import numpy as np
import torch

from visae.examples import Examples
from visae.images import Leaves
from visae.networks import Layer
from visae.plots import GalleryUnit, crop_strongest
from visae.plots import _gallery as gallery
from visae.plots._crops import SIDE, Square, crop

LAYER = Layer("made", 1, 8, 15, 4.0)


def test_a_column_per_unit(saved_figures):
    figures = saved_figures(gallery)
    tuning = np.array([1.0, 4.0, -1.0, 0.0])
    units = [
        GalleryUnit("fires", np.zeros((SIDE, SIDE, 3), np.uint8), torch.zeros(3, 8, 8), tuning),
        GalleryUnit("silent", None, torch.ones(3, 8, 8), 0 * tuning),
    ]
    gallery.plot_gallery(units, "title", Path("x.png"))
    axes = figures[0].axes
    assert [panel.get_title() for panel in axes[:2]] == ["fires", "silent"]
    assert [panel.images[0].get_array().max() for panel in axes[:4]] == [0, 238, 0, 1]
    assert [panel.lines[0].get_ydata().tolist() for panel in axes[4:]] == [[0.25, 1, 0, 0, 0.25], [0] * 5]


def test_the_crop_is_the_receptive_field_of_the_strongest_example():
    images = Leaves(3, 64)
    examples = Examples(
        LAYER,
        torch.tensor([[2.0, 1.0], [0.0, 0.0]]),
        torch.tensor([[1, 2], [0, 0]]),
        torch.tensor([[3, 1], [0, 0]]),
        torch.tensor([[5, 1], [0, 0]]),
    )
    expected = crop(images.read(1)[0].numpy(), Square(37, 21, 15))
    assert np.array_equal(crop_strongest(examples, 0, images), expected)
    assert crop_strongest(examples, 1, images) is None
