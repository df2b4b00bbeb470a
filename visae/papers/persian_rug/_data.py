"""The rug's data: independent features, each active with probability p and then uniform on [0, 1]."""

import torch
from jaxtyping import Float
from torch import Tensor

from visae.papers.persian_rug._checks import expect_density


def sparse(count: int, n: int, p: float, source: torch.Generator) -> Float[Tensor, "count n"]:
    """Inputs [count, n] of the model, drawn on the CPU; raises `VisaeError` for p outside (0, 1]."""
    expect_density(p)
    return sparsify(torch.rand(count, n, generator=source), torch.tensor(p))


def sparsify(uniform: Float[Tensor, "*u"], p: Float[Tensor, "*p"]) -> Float[Tensor, "*x"]:
    """Uniform numbers as inputs of density p: u / p where u < p, and 0 elsewhere.

    One draw decides both whether a feature is active and how much, since u / p is uniform where u < p. So inputs of any
    number of densities come from the same draw. In single precision u has 2^24 steps, and an active feature 2^24 p.
    """
    return torch.where(uniform < p, uniform / p, 0.0)


def mean(p: float) -> float:
    """E[x] = p / 2."""
    expect_density(p)
    return p / 2


def power(p: float) -> float:
    """E[x^2] = p / 3, which is also the loss of a model that always answers 0."""
    expect_density(p)
    return p / 3


def variance(p: float) -> float:
    """Var(x) = E[x^2] - E[x]^2 = p / 3 - p^2 / 4."""
    return power(p) - mean(p) ** 2


def kurtosis(p: float) -> float:
    """Excess kurtosis E[(x - E[x])^4] / Var(x)^2 - 3, from E[x^k] = p / (k + 1); 9 / (5 p) for p << 1."""
    first, second, third, fourth = (p / (k + 1) for k in range(1, 5))
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    return central / variance(p) ** 2 - 3
