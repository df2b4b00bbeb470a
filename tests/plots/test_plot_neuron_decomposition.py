from pathlib import Path

import pytest
import torch

from visae.decomposition import NeuronDecomposition, Part
from visae.networks import Layer
from visae.plots import _neuron_decomposition as neuron_decomposition


@pytest.mark.parametrize(
    ("count", "label"), [(0, None), (3, "feature 2, 25%"), (5, "1 other feature"), (7, "3 other features")]
)
def test_contributions_beyond_the_largest_four_are_summed(saved_figures, count, label):
    figures = saved_figures(neuron_decomposition)
    parts = [Part(feature, 0.25, 1.0, 0.9, "", None) for feature in range(count)]
    degrees, contributions = torch.arange(8) * 45.0, torch.ones(count, 8)
    case = NeuronDecomposition("layer", 7, parts, degrees, torch.full((8,), 8.0), contributions, [[] for _ in parts], 0)
    layer = Layer("layer", 1, 8, 15, 4.0)
    neuron_decomposition.plot_neuron_decomposition(case, layer, None, Path("x.png"))
    lines = figures[0].axes[0].lines[1:]
    assert len(lines) == min(count, 5)
    if lines:
        assert lines[-1].get_label() == label
        assert lines[-1].get_ydata().max() == pytest.approx(max(count - 4, 1) / 8)
