"""Sylvester's Hadamard matrices: entries +-1, rows at right angles, each made of four copies of the next smaller."""

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError


def hadamard(n: int) -> Float[Tensor, "n n"]:
    """H of n rows: H_1 = [1], H_2n = [[H_n, H_n], [H_n, -H_n]]. Raises `VisaeError` unless n is a power of two."""
    expect_power_of_two(n)
    return walsh_hadamard(torch.eye(n))


def walsh_hadamard(x: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
    """H x along the last axis, in n log2 n sums instead of n^2; the matrix is its own transpose, and H H = n I.

    Raises `VisaeError` unless n is a power of two.
    """
    n = x.shape[-1]
    expect_power_of_two(n)
    half = 1
    while half < n:
        pairs = x.reshape(*x.shape[:-1], n // (2 * half), 2, half)
        first, second = pairs.unbind(-2)
        x = torch.stack((first + second, first - second), -2).flatten(-3)
        half *= 2
    return x


def expect_power_of_two(n: int) -> None:
    """Raise `VisaeError` unless n is 1, 2, 4, 8, ..."""
    if n < 1 or n & (n - 1):
        lower = 1 << (max(n, 1).bit_length() - 1)
        raise VisaeError(f"a Hadamard matrix of {n} rows is not made here; take a power of two, {lower} or {2 * lower}")
