"""The battery's orientation tuning, and responses to pure colour on filters and planted spots with known answers."""

import math

import pytest
import torch
from engineered import engineered_battery
from torch import nn

import visae
from visae.tuning import colour_peaks
from visae.tuning._battery import spot_images
from visae.units import neurons


def test_orientation_tuning_of_engineered_units():
    tuning = engineered_battery(circle=(2.0, 15, 0.3), line=(0.5, 10, 0)).tuning
    assert tuning["circle"].peak.tolist() == [2, 1]
    assert tuning["circle"].orientation[0].item() == pytest.approx(90, abs=0.1)
    assert tuning["circle"].echo.tolist() == pytest.approx([0.3, 1])
    # A wrapped normal distribution with a standard deviation of 15 degrees; two of them are axial by twice the angle.
    expected = [math.exp(-((math.radians(15) * times) ** 2) / 2) for times in (1, 2)]
    assert tuning["circle"].selectivity[0].item() == pytest.approx(expected[0] * 0.7 / 1.3, abs=1e-3)
    assert tuning["circle"].axial[0].item() == pytest.approx(expected[1], abs=1e-3)
    assert tuning["circle"].selectivity[1].item() == pytest.approx(0, abs=1e-6)
    assert tuning["line"].echo.tolist() == [0, 0]
    assert torch.equal(tuning["line"].axial, tuning["line"].selectivity)


def test_spots_have_their_hue_and_the_lightness_of_the_ground():
    images = spot_images(torch.tensor([0.0, 120.0, 240.0]), torch.tensor([4.0, 4.0, 100.0]), 33, 16.0)
    assert images.mean(1).flatten().tolist() == pytest.approx([0.5] * (3 * 33 * 33), abs=1e-6)
    assert images[:, :, 16, 16].argmax(1).tolist() == [0, 1, 2]
    assert (images[:2, :, 0, 0] == 0.5).all()
    assert images[2, 2].min() == pytest.approx(1.0)
    assert (2 * images[0, 0] - 1).sum().item() == pytest.approx(math.pi * 16, rel=0.02)


def test_a_colour_filter_responds_and_a_lightness_filter_does_not():
    conv = nn.Conv2d(3, 2, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])  # red
        conv.weight[1, :, 1, 1] = 1.0  # lightness
        conv.weight[1, :, 0, 0] = -1.0
    network = visae.Network.from_module(nn.Sequential(conv, nn.ReLU()), ["1"], size=32)
    red, lightness = colour_peaks([neurons(network, "1")])[0].tolist()
    # Pure red is (1, 0.25, 0.25): 1 - 0.25.
    assert red == pytest.approx(0.75, abs=1e-5)
    assert lightness == pytest.approx(0, abs=1e-5)


def test_planted_spots_respond_more_to_colour_than_to_anything_grey(network, planted_batteries):
    spot = torch.tensor([feature.kind == "spot" for feature in network.truth.features])
    colour = colour_peaks([neurons(network, "truth")])[0]
    grey = torch.stack([tuning.peak for tuning in planted_batteries["truth"].tuning.values()]).amax(0)
    assert (colour[spot] > grey[spot]).all()
    assert (colour[~spot] <= grey[~spot]).all()
