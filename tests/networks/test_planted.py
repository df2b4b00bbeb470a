import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.images import Leaves
from visae.networks import weights_digest
from visae.networks._hooks import receptive_range
from visae.networks.planted import PlantedNetwork
from visae.networks.planted import _network as planted
from visae.networks.planted._channels import CHANNEL_NAMES, CHANNEL_STRIDE
from visae.networks.planted._network import mixing_directions


@pytest.fixture(scope="module")
def leaves():
    source = Leaves(8, size=96, seed=3)
    return torch.stack([source.read(index)[0] for index in range(len(source))]).float() / 255


@pytest.fixture(scope="module")
def directions():
    return mixing_directions(70)


@pytest.fixture(scope="module")
def uninhibited():
    return PlantedNetwork(0.0)


@pytest.fixture(scope="module")
def default():
    return PlantedNetwork()


@torch.inference_mode()
def truth(network, images):
    return network.read(images, ["truth"])["truth"]


def test_the_mixing_matrix_is_sparse_non_negative_and_even(directions):
    assert directions.shape == (70, 48)
    assert directions.min() == 0
    assert ((directions > 0).sum(1) == 4).all()
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(70))
    load = (directions > 0).sum(0)
    assert load.min() >= 3
    assert load.max() - load.min() <= 4


def test_weights_of_a_direction_are_within_a_factor_of_two(directions):
    nonzero = directions[directions > 0].view(70, 4)
    assert (nonzero.amax(1) < 2 * nonzero.amin(1)).all()


def test_no_two_directions_are_close(directions):
    overlap = (directions @ directions.T).fill_diagonal_(0)
    assert overlap.max() < 0.5
    assert torch.linalg.matrix_rank(directions) == 48


FINGERPRINTS = """
import hashlib
from visae.networks import weights_digest
from visae.networks.planted import PlantedNetwork
network = PlantedNetwork()
print(hashlib.sha256((network.directions * 1e4).round().int().numpy().tobytes()).hexdigest())
print(weights_digest(network.state_dict()))
"""


@pytest.mark.slow
def test_two_processes_build_the_same_network(default, directions):
    # Another instruction set and number of threads stand in for another machine.
    settings = os.environ | {"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FINGERPRINTS]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout
    rounded = (directions * 1e4).round().int().numpy()
    assert output.split() == [hashlib.sha256(rounded.tobytes()).hexdigest(), weights_digest(default.state_dict())]


def test_the_digest_distinguishes_strengths(default, uninhibited):
    networks = default, uninhibited, PlantedNetwork(0.3), PlantedNetwork(0.3)
    digests = {weights_digest(network.state_dict()) for network in networks}
    assert len(digests) == 3


def test_truth_of_the_network(default, directions):
    assert default.truth.features == default.features
    assert torch.equal(default.truth.directions, directions)


def test_networks_share_no_memory(default, directions):
    changed = PlantedNetwork()
    changed.directions.zero_()
    assert torch.equal(PlantedNetwork().directions, default.directions)
    assert torch.equal(mixing_directions(70), directions)
    assert directions.any()


@pytest.mark.parametrize("strength", [-1.1, 1.1, math.nan, math.inf])
def test_a_strength_outside_minus_1_to_1_is_an_error(strength):
    with pytest.raises(VisaeError, match=r"inhibition is .*; it must be between -1 and 1"):
        PlantedNetwork(strength)


@torch.inference_mode()
def test_neurons_are_the_mixed_features(default, leaves):
    maps = default.read(leaves, ["mixed", "truth"])
    assert list(maps) == ["mixed", "truth"]
    expected = torch.einsum("bfyx,fd->bdyx", maps["truth"], default.directions)
    torch.testing.assert_close(maps["mixed"], expected)
    assert maps["mixed"].shape == (8, 48, 24, 24)


def bilinear(channel, x, y):
    """A channel at a point in px, its border replicated, between the four values around it."""
    column, row = x / CHANNEL_STRIDE, y / CHANNEL_STRIDE
    left, top = math.floor(column), math.floor(row)

    def value(i, j):
        return channel[min(max(i, 0), channel.shape[0] - 1), min(max(j, 0), channel.shape[1] - 1)]

    right, down = column - left, row - top
    upper = value(top, left) * (1 - right) + value(top, left + 1) * right
    lower = value(top + 1, left) * (1 - right) + value(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def slow_detector(feature, maps, x, y):
    def read(points):
        return [bilinear(maps[CHANNEL_NAMES.index(point.channel)], x + point.x, y + point.y) for point in points]

    threshold = planted._THRESHOLD[feature.kind]
    evidence = min(read(feature.present)) - max(read(feature.absent), default=0)
    return max((evidence - threshold) / (1 - threshold), 0)


@pytest.mark.parametrize("size", [(40, 44), (41, 43), (42, 37)])
@torch.inference_mode()
def test_detectors_equal_a_slow_reference(uninhibited, leaves, size):
    images = leaves[:, :, : size[0], : size[1]]
    result = truth(uninhibited, images).double().numpy()
    assert result.shape == (8, 70, -(-size[0] // 4), -(-size[1] // 4))
    maps = uninhibited.channels(images).double().numpy()
    # At the position where each feature is strongest, since most are 0 elsewhere, and in two corners.
    for index, feature in enumerate(uninhibited.features):
        image, *strongest = np.unravel_index(result[:, index].argmax(), result[:, index].shape)
        for row, column in {tuple(strongest), (0, 0), (result.shape[2] - 1, result.shape[3] - 1)}:
            expected = slow_detector(feature, maps[image], 4 * column, 4 * row)
            assert result[image, index, row, column] == pytest.approx(expected, abs=1e-5)
    assert (result.max((0, 2, 3)) > 0).mean() > 0.5


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_each_detector_loses_a_share_of_its_strongest_rival(uninhibited, leaves, strength):
    before, after = truth(uninhibited, leaves[:3]), truth(PlantedNetwork(strength), leaves[:3])
    for index in range(70):
        rivals = uninhibited.rivals[index].nonzero().flatten().tolist()
        strongest = before[:, rivals].amax(1) if rivals else torch.zeros(())
        torch.testing.assert_close(after[:, index], (before[:, index] - strength * strongest).relu())


def neighbours_phi(network, images):
    """Mean correlation of firing between curves of one radius that are neighbours in orientation and both fire."""
    fires = (truth(network, images)[:, :48] > 0).transpose(0, 1).flatten(1).float()
    phi = torch.corrcoef(fires).view(2, 24, 2, 24)
    return torch.stack([phi[r, i, r, (i + 1) % 24] for r in range(2) for i in range(24)]).nanmean().item()


def test_inhibition_decorrelates_the_firing_of_neighbours(leaves):
    phi = [neighbours_phi(PlantedNetwork(strength), leaves) for strength in (0.0, 0.3, 0.6, 1.0)]
    assert phi == sorted(phi, reverse=True)
    assert phi[0] > 0.05
    assert phi[2] < 0.5 * phi[0]


@torch.inference_mode()
def test_images_are_processed_independently(default, leaves):
    together = default.read(leaves[:3], ["mixed"])["mixed"]
    for index in range(3):
        alone = default.read(leaves[index : index + 1], ["mixed"])["mixed"][0]
        assert (alone - together[index]).abs().max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["truth", "mixed"])
@pytest.mark.parametrize("position", [9, 10])
def test_claimed_receptive_fields_are_those_measured(default, name, position):
    layer = default.layers[name]
    half = (layer.receptive_field - 1) / 2
    measured = receptive_range(lambda images: default.read(images[:, :, :8], [name])[name], position, 80)
    assert measured == (layer.centre(position) - half, layer.centre(position) + half)


def test_layers_have_the_shape_that_they_claim(default, leaves):
    maps = default.read(leaves[:1], default.layers)
    for name, layer in default.layers.items():
        assert layer.name == name
        assert maps[name].shape == (1, layer.channels, 96 // layer.stride, 96 // layer.stride)


def test_gradients_flow_to_the_images(default, leaves):
    images = leaves[:2].clone().requires_grad_()
    default.read(images, ["mixed"])["mixed"].sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.count_nonzero() > 0.01 * images.numel()


@pytest.mark.parametrize("size", [(64, 64), (68, 96), (51, 90), (18, 7)])
def test_one_position_is_that_of_the_maps_at_every_border(default, leaves, size):
    images = leaves[:4, :, : size[0], : size[1]]
    maps = default.read(images, ["truth", "mixed"])
    rows, columns = maps["mixed"].shape[2:]
    # The position with the most activity, two corners, and the middle.
    busiest = divmod(int(maps["mixed"].sum((0, 1)).argmax()), columns)
    assert maps["mixed"][:, :, busiest[0], busiest[1]].any()
    for row, column in [busiest, (0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]:
        values = default.read_at(images, {"mixed": (row, column), "truth": (0, column)})
        assert [*values] == ["mixed", "truth"]
        torch.testing.assert_close(values["mixed"][:, :, 0, 0], maps["mixed"][:, :, row, column], rtol=0, atol=1e-6)
        torch.testing.assert_close(values["truth"][:, :, 0, 0], maps["truth"][:, :, 0, column], rtol=0, atol=1e-6)


def test_tables_derived_from_the_features_are_not_weights(default):
    assert not [name for name in default.state_dict() if name.startswith("at_position")]
