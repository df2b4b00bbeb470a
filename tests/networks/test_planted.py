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
from visae.networks._probe import receptive_range
from visae.networks._weights import digest
from visae.networks.planted import _network as planted
from visae.networks.planted._channels import GRID, NAMES
from visae.networks.planted._network import Planted, mixing


@pytest.fixture(scope="module")
def leaves():
    source = Leaves(8, size=96, seed=3)
    return torch.stack([source.read(index)[0] for index in range(len(source))]).float() / 255


@pytest.fixture(scope="module")
def directions():
    return mixing(70)


@pytest.fixture(scope="module")
def without():
    return Planted(0.0)


@pytest.fixture(scope="module")
def default():
    return Planted()


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
from visae.networks.planted._network import Planted, mixing
from visae.networks._weights import digest
print(hashlib.sha256((mixing(70) * 1e4).round().int().numpy().tobytes()).hexdigest())
print(digest(Planted().state_dict()))
"""


def test_two_processes_build_the_same_network(default, directions):
    # Another instruction set and another number of threads: as near to another machine as one comes on this one.
    settings = os.environ | {"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FINGERPRINTS]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=settings).stdout
    rounded = (directions * 1e4).round().int().numpy()
    assert output.split() == [hashlib.sha256(rounded.tobytes()).hexdigest(), digest(default.state_dict())]


def test_the_digest_tells_strengths_apart(default, without):
    digests = {digest(network.state_dict()) for network in (default, without, Planted(0.3), Planted(0.3))}
    assert len(digests) == 3


def test_the_truth_is_part_of_the_network(default, directions):
    assert default.truth.features == default.features
    assert torch.equal(default.truth.directions, directions)


@pytest.mark.parametrize("strength", [-1.1, 1.1, math.nan, math.inf])
def test_a_strength_outside_minus_1_to_1_is_an_error(strength):
    with pytest.raises(VisaeError, match=r"inhibition is .*; it must be between -1 and 1"):
        Planted(strength)


@torch.inference_mode()
def test_neurons_are_the_mixed_features(default, leaves):
    found = default.read(leaves, ["mixed", "truth"])
    assert list(found) == ["mixed", "truth"]
    expected = torch.einsum("bfyx,fd->bdyx", found["truth"], default.directions)
    torch.testing.assert_close(found["mixed"], expected)
    assert found["mixed"].shape == (8, 48, 24, 24)


def bilinear(channel, x, y):
    """A channel at a place in px, its border extended, between the four values around it."""
    column, row = x / GRID, y / GRID
    left, top = math.floor(column), math.floor(row)

    def value(i, j):
        return channel[min(max(i, 0), channel.shape[0] - 1), min(max(j, 0), channel.shape[1] - 1)]

    right, down = column - left, row - top
    upper = value(top, left) * (1 - right) + value(top, left + 1) * right
    lower = value(top + 1, left) * (1 - right) + value(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def detected(feature, maps, x, y):
    """A detector at one position, slowly."""

    def read(places):
        return [bilinear(maps[NAMES.index(place.channel)], x + place.x, y + place.y) for place in places]

    threshold = planted._THRESHOLD[feature.kind]
    evidence = min(read(feature.present)) - max(read(feature.absent), default=0)
    return max((evidence - threshold) / (1 - threshold), 0)


@pytest.mark.parametrize("size", [(40, 44), (41, 43), (42, 37)])
@torch.inference_mode()
def test_detectors_equal_a_slow_reference(without, leaves, size):
    images = leaves[:, :, : size[0], : size[1]]
    found = truth(without, images).double().numpy()
    assert found.shape == (8, 70, -(-size[0] // 4), -(-size[1] // 4))
    maps = without.channels(images).double().numpy()
    # The positions where a feature is strongest: elsewhere both are 0.
    for index, feature in enumerate(without.features):
        image, row, column = np.unravel_index(found[:, index].argmax(), found[:, index].shape)
        for at in {(row, column), (0, 0), (found.shape[2] - 1, found.shape[3] - 1)}:
            expected = detected(feature, maps[image], 4 * at[1], 4 * at[0])
            assert found[image, index, at[0], at[1]] == pytest.approx(expected, abs=1e-5)
    assert (found.max((0, 2, 3)) > 0).mean() > 0.5


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_each_detector_loses_a_share_of_its_strongest_rival(without, leaves, strength):
    before, after = truth(without, leaves), truth(Planted(strength), leaves)
    for index in range(70):
        rivals = without.rivals[index].nonzero().flatten().tolist()
        strongest = before[:, rivals].amax(1) if rivals else torch.zeros(())
        torch.testing.assert_close(after[:, index], (before[:, index] - strength * strongest).relu())


def neighbours_phi(network, images):
    """The mean correlation of firing, over curves of one radius that are neighbours in orientation and both fire."""
    fires = (truth(network, images)[:, :48] > 0).transpose(0, 1).flatten(1).float()
    phi = torch.corrcoef(fires).view(2, 24, 2, 24)
    return torch.stack([phi[r, i, r, (i + 1) % 24] for r in range(2) for i in range(24)]).nanmean().item()


def test_inhibition_decorrelates_the_firing_of_neighbours(leaves):
    phi = [neighbours_phi(Planted(strength), leaves) for strength in (0.0, 0.3, 0.6, 1.0)]
    assert phi == sorted(phi, reverse=True)
    assert phi[0] > 0.05
    assert phi[2] < 0.5 * phi[0]


@torch.inference_mode()
def test_an_image_alone_is_what_it_is_in_a_batch(default, leaves):
    together = default.read(leaves, ["mixed"])["mixed"]
    for index in range(len(leaves)):
        alone = default.read(leaves[index : index + 1], ["mixed"])["mixed"][0]
        assert (alone - together[index]).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["truth", "mixed"])
def test_what_a_position_sees_is_what_a_nan_reaches(default, name):
    layer = default.layers[name]
    half = (layer.receptive_field - 1) / 2
    for position in (16, 17):
        found = receptive_range(lambda images: default.read(images, [name])[name], position, 128)
        assert found == (layer.centre(position) - half, layer.centre(position) + half)


def test_layers_are_as_they_claim(default, leaves):
    found = default.read(leaves[:1], default.layers)
    for name, layer in default.layers.items():
        assert layer.name == name
        assert found[name].shape == (1, layer.channels, 96 // layer.stride, 96 // layer.stride)


def test_gradients_flow_to_the_images(default, leaves):
    images = leaves[:2].clone().requires_grad_()
    default.read(images, ["mixed"])["mixed"].sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.count_nonzero() > 0.01 * images.numel()


@pytest.mark.parametrize("size", [(64, 64), (68, 96), (51, 90), (18, 7)])
def test_one_position_is_read_as_the_maps_have_it(default, leaves, size):
    images = leaves[:4, :, : size[0], : size[1]]
    maps = default.read(images, ["truth", "mixed"])
    rows, columns = maps["mixed"].shape[2:]
    # Where something fires, and the corners.
    busiest = divmod(int(maps["mixed"].sum((0, 1)).argmax()), columns)
    assert maps["mixed"][:, :, busiest[0], busiest[1]].any()
    for row, column in [busiest, (0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]:
        at = default.read_at(images, {"mixed": (row, column), "truth": (0, column)})
        assert [*at] == ["mixed", "truth"]
        torch.testing.assert_close(at["mixed"][:, :, 0, 0], maps["mixed"][:, :, row, column], rtol=0, atol=1e-6)
        torch.testing.assert_close(at["truth"][:, :, 0, 0], maps["truth"][:, :, 0, column], rtol=0, atol=1e-6)


def test_what_follows_from_the_features_is_not_of_the_weights(default):
    assert not [name for name in default.state_dict() if name.startswith("at_position")]
