"""A network small enough to render from in milliseconds."""

import torch
from torch import nn

import visae


def convolutions():
    """Two convolutions, each with a ReLU, and a pool between them; the first layer is linear in the pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 6, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
        )


def small_network():
    """Layers `0` and `4` are the convolutions, the first without its ReLU, which is `1`."""
    return visae.Network.from_module(convolutions(), ["0", "1", "4"], size=32)
