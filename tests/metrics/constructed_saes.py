"""SAEs constructed by hand, whose metrics are known."""

import torch
from torch import nn

from visae.sae import SAE


class ConstructedSAE(SAE):
    """An SAE with any functions as `encode` and `decode`, over values whose last axis is dimensions or features."""

    def __init__(self, dim, encode, decode, directions=None):
        nn.Module.__init__(self)
        self.dim = dim
        self.register_buffer("centre", torch.zeros(dim))
        self.width = encode(torch.zeros(1, dim)).shape[1]
        self._functions, self._directions = (encode, decode), directions

    def encode(self, x):
        return along_channels(self._functions[0], x)

    def decode(self, f):
        return along_channels(self._functions[1], f)

    @property
    def directions(self):
        return self._directions


# The remaining methods of an SAE are for training.
ConstructedSAE.__abstractmethods__ = frozenset()


def along_channels(function, x):
    return function(x.movedim(1, -1)).movedim(-1, 1)


def unchanged(x):
    return x


def perfect(dim):
    """One feature per dimension, of either sign."""
    return ConstructedSAE(dim, unchanged, unchanged)


def signed_pairs(dim, centre=0.0):
    """Two non-negative features per dimension, one for each sign."""

    def encode(x):
        return torch.cat([x - centre, centre - x], -1).relu()

    return ConstructedSAE(dim, encode, lambda f: f[..., :dim] - f[..., dim:] + centre)


def constant(row):
    """Reconstruct every row as `row`, with three features that never fire."""
    row = torch.as_tensor(row).float()
    return ConstructedSAE(len(row), lambda x: torch.zeros(*x.shape[:-1], 3), lambda f: row.expand(*f.shape[:-1], -1))


def scaled(dim, factor):
    """Reconstruct every row in the right direction, at `factor` times its length."""
    return ConstructedSAE(dim, unchanged, lambda f: factor * f)
