"""Channels' maps, in float64, from which planted detectors are evaluated."""

import torch

from visae.networks.planted._channels import CHANNEL_NAMES, CHANNEL_STRIDE
from visae.networks.planted._detect import STRIDE, sampling_radius
from visae.networks.planted._features import planted_features

# Of each kind, and both with and without values that must be absent.
FEATURES = [planted_features()[index] for index in (0, 7, 30, 47, 48, 53, 56, 61, 64, 69)]
MARGIN, SIZE = sampling_radius(planted_features()), (3, 4)


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def random_maps():
    sides = [2 * MARGIN + 2 + STRIDE // CHANNEL_STRIDE * (count - 1) for count in SIZE]
    return random(2, len(CHANNEL_NAMES), *sides)


def sparse_maps():
    """Zero almost everywhere: many values are then the least one, and share its gradient."""
    return (random_maps() - 0.9).relu()


def constant_maps():
    return torch.ones_like(random_maps())
