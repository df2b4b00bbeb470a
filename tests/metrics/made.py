"""SAEs that are made, not trained, so that it is known what a metric must say of them."""

import torch
from torch import nn

from visae.sae import SAE


class Made(SAE):
    """`encode` and `decode` are any functions of values whose last axis is the dimensions or the features."""

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


# Whatever else an SAE must be able to do is for training.
Made.__abstractmethods__ = frozenset()


def along_channels(function, x):
    return function(x.movedim(1, -1)).movedim(-1, 1)


def unchanged(x):
    return x


def perfect(dim):
    """A feature a dimension, of either sign."""
    return Made(dim, unchanged, unchanged)


def of_two_signs(dim, centre=0.0):
    """Two features a dimension, one for each sign, both never negative."""

    def encode(x):
        return torch.cat([x - centre, centre - x], -1).relu()

    return Made(dim, encode, lambda f: f[..., :dim] - f[..., dim:] + centre)


def constant(row):
    """Answers every row with `row`, with three features that never fire."""
    row = torch.as_tensor(row).float()
    return Made(len(row), lambda x: torch.zeros(*x.shape[:-1], 3), lambda f: row.expand(*f.shape[:-1], -1))


def scaled(dim, factor):
    """The right direction, and `factor` of the length."""
    return Made(dim, unchanged, lambda f: factor * f)
