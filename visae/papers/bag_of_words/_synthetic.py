"""Bags drawn from distributions that are known exactly: features on a circle, on other shapes, and independent ones."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from visae._support.errors import VisaeError

FEATURES = 12
_SPHERE = 500  # positions on the sphere, evenly spread: 9 degrees apart, less than a feature's edge is wide


@dataclass(frozen=True, eq=False)
class Mixture:
    """A distribution of bags: a position, of k that are equally likely, then for each feature a coin of its own.

    probability: [k, n], the chance that feature j is in a bag at position i.
    """

    probability: Float64[Tensor, "k n"]

    @property
    def features(self) -> int:
        """How many features there are."""
        return self.probability.shape[1]

    def mean(self) -> Float64[Tensor, " n"]:
        """E[x], exactly: the mean of the probabilities over positions."""
        return self.probability.mean(0)

    def covariance(self) -> Float64[Tensor, "n n"]:
        """Cov(x), exactly: that of the probabilities over positions, and the coins' own p (1 - p) on the diagonal."""
        away = self.probability - self.mean()
        coins = (self.probability * (1 - self.probability)).mean(0)
        return away.T @ away / len(away) + coins.diag()

    def draw(self, count: int, source: torch.Generator) -> UInt8[Tensor, "count n"]:
        """Bags of zeros and ones; bag i is at position i mod k, so that positions are as even as can be."""
        chance = self.probability[torch.arange(count) % len(self.probability)]
        return (torch.rand(chance.shape, generator=source, dtype=torch.float64) < chance).to(torch.uint8)


def circular(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> Mixture:
    """Features and positions at n even angles: p_j = sigmoid(sharpness cos(theta_i - theta_j) + base).

    Prieto et al. (arXiv 2603.09972), synthetic data: sharpness 10 and base 0; the other setting of their code is 5 and
    -2. Feature j neighbours j - 1 and j + 1, around the circle.
    """
    angle = _angles(n)
    points = torch.stack([angle.cos(), angle.sin()], 1)
    return _mixture(points, points, sharpness, base)


def figure_eight(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> Mixture:
    """As `circular`, with features and positions on the curve (sin t, sin 2t), at n even t."""
    angle = _angles(n)
    points = torch.stack([angle.sin(), (2 * angle).sin()], 1)
    return _mixture(points, points, sharpness, base)


def spherical(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> Mixture:
    """As `circular`, with features evenly spread over a sphere (a Fibonacci lattice), and positions all over it.

    The positions are 500 points of a finer lattice, where the paper draws them from the whole sphere.
    """
    return _mixture(lattice(_SPHERE), lattice(n), sharpness, base)


def independent(rates: Float64[Tensor, " n"]) -> Mixture:
    """Features that know nothing of each other; feature j is in a bag at its rate.

    Raises `VisaeError` for a rate outside (0, 1].
    """
    for place, rate in enumerate(rates.tolist()):
        if not 0 < rate <= 1:
            raise VisaeError(f"the rate of feature {place} is {rate:g}; a rate is above 0 and at most 1")
    return Mixture(rates[None])


def lattice(count: int) -> Float64[Tensor, "count 3"]:
    """Points spread evenly over the unit sphere: equal steps of height, and the golden ratio's share of a turn each."""
    step = torch.arange(count, dtype=torch.float64) + 0.5
    height = 1 - 2 * step / count
    around, turn = (1 - height.square()).sqrt(), math.pi * (1 + math.sqrt(5)) * step
    return torch.stack([around * turn.cos(), around * turn.sin(), height], 1)


def _mixture(
    positions: Float64[Tensor, "k c"], features: Float64[Tensor, "n c"], sharpness: float, base: float
) -> Mixture:
    return Mixture(torch.sigmoid(sharpness * positions @ features.T + base))


def _angles(n: int) -> Float64[Tensor, " n"]:
    return 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
