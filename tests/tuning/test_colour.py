"""How units answer to colour: on filters of which the answer is known, and on the planted spots."""

import math

import pytest
import torch
from torch import nn

import visae
from visae.tuning import battery
from visae.tuning._colour import colour_peaks, spots
from visae.units import neurons


def test_spots_are_of_their_hue_and_as_light_as_the_ground():
    images = spots(torch.tensor([0.0, 120.0, 240.0]), torch.tensor([4.0, 4.0, 100.0]), 33, 16.0)
    assert images.mean(1).flatten().tolist() == pytest.approx([0.5] * (3 * 33 * 33), abs=1e-6)
    assert images[:, :, 16, 16].argmax(1).tolist() == [0, 1, 2]
    assert (images[:2, :, 0, 0] == 0.5).all()
    assert images[2, 2].min() == pytest.approx(1.0)
    assert (2 * images[0, 0] - 1).sum().item() == pytest.approx(math.pi * 16, rel=0.02)


def test_a_filter_of_colour_answers_and_one_of_lightness_does_not():
    conv = nn.Conv2d(3, 2, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])  # red
        conv.weight[1, :, 1, 1] = 1.0  # lightness
        conv.weight[1, :, 0, 0] = -1.0
    network = visae.Network.from_module(nn.Sequential(conv, nn.ReLU()), ["1"], size=32)
    red, light = colour_peaks([neurons(network, "1")])[0].tolist()
    # Pure red is (1, 0.25, 0.25): 1 - 0.25.
    assert red == pytest.approx(0.75, abs=1e-5)
    assert light == pytest.approx(0, abs=1e-5)


def test_planted_spots_answer_to_colour_more_than_to_anything_grey():
    network = visae.network("planted", device="cpu")
    truth = neurons(network, "truth")
    spot = torch.tensor([feature.kind == "spot" for feature in network.truth.features])
    colour = colour_peaks([truth])[0]
    grey = torch.stack([of.peak for of in battery([truth], 24, 4)[0].tuned.values()]).amax(0)
    assert (colour[spot] > grey[spot]).all()
    assert (colour[~spot] <= grey[~spot]).all()
