"""Effective kernels against explicit products of weights, and against pictures."""

import numpy as np
import pytest
import torch
from torch import nn

import visae
from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, effective_kernels, render
from visae.featurevis._kernels import linearised
from visae.featurevis.objectives import unit
from visae.units import features, neurons


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(inplace=True)
    )
    return visae.Network.from_module(module, ["1", "4"], size=32)


def test_kernels_of_the_first_layer_are_its_weights(network):
    weights = network.readable.module[0].weight.detach()
    assert torch.allclose(effective_kernels(neurons(network, "1"), [0, 3]), weights[[0, 3]])


def test_kernels_of_a_later_layer_are_products_of_weights(network):
    first, second = (network.readable.module[index].weight.detach().double().numpy() for index in (0, 3))
    expected = np.zeros((5, 3, 8, 8))
    for out in range(5):
        for c in range(4):
            for i in range(3):
                for j in range(3):
                    for pi in range(2):
                        for pj in range(2):
                            y, x = 2 * i + pi, 2 * j + pj
                            expected[out, :, y : y + 3, x : x + 3] += second[out, c, i, j] / 4 * first[c]
    kernels = effective_kernels(neurons(network, "4"), range(5))
    assert kernels.shape == (5, 3, 8, 8)
    assert kernels.numpy() == pytest.approx(expected, abs=1e-5)


def test_kernels_of_features_mix_those_of_neurons_by_the_encoder(network):
    sae = visae.ReLU(width=3).build(5, torch.Generator().manual_seed(0))
    mixed = torch.einsum("mc,cdhw->mdhw", sae.encoder.detach(), effective_kernels(neurons(network, "4"), range(5)))
    expected = mixed * sae.directions.norm(dim=1)[:, None, None, None]
    assert torch.allclose(effective_kernels(features(network, "4", sae), range(3)), expected, atol=1e-5)


def test_torch_is_linear_inside_the_context_alone():
    x = torch.tensor([[[[-1.0, 4.0], [1.0, 0.0]]]])
    with linearised():
        assert torch.relu(x)[0, 0, 0, 0] == -1
        assert torch.nn.functional.max_pool2d(x, 2).item() == 1
    assert torch.relu(x)[0, 0, 0, 0] == 0
    assert torch.nn.functional.max_pool2d(x, 2).item() == 4


@pytest.mark.slow
def test_pictures_of_conv2d0_resemble_its_kernels(data):
    """|r| of at least 0.9 for the median channel, rendered with default settings, in one chunk."""
    network = visae.network("inceptionv1-caffe", data / "weights", "cpu")
    units = neurons(network, "conv2d0")
    kernels = effective_kernels(units, range(64))
    bgr = network.readable.convs["conv2d0"].weight.detach()
    assert torch.allclose(kernels, 255 * bgr[:, [2, 1, 0]], rtol=1e-4)
    pictures = render(network, unit(units, range(64)), optimisation=Optimisation(chunk=64)).pictures - 0.5
    r = [
        torch.corrcoef(torch.stack([picture.flatten(), kernel.flatten()]))[0, 1].abs()
        for picture, kernel in zip(pictures, kernels, strict=True)
    ]
    assert torch.stack(r).median() >= 0.9


def test_kernels_have_the_size_of_the_receptive_field():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 5, 3, padding=1)
    )
    units = neurons(visae.Network.from_module(module, ["3"], size=64), "3")
    side = units.layer.receptive_field
    assert effective_kernels(units, [0, 4]).shape == (2, 3, side, side)


@pytest.mark.parametrize("numbers", [[5], [-1], []])
def test_unknown_units_are_refused(network, numbers):
    with pytest.raises(VisaeError, match="no unit"):
        effective_kernels(neurons(network, "4"), numbers)
