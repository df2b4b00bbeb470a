"""How a loss falls with density or size: powers, fitted in logarithms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visae._support.errors import VisaeError


@dataclass(frozen=True)
class Power:
    """y = constant x^exponent."""

    constant: float
    exponent: float


def fit_power(x: Sequence[float], y: Sequence[float]) -> Power:
    """The power law through positive points (x, y), by least squares of ln y; raises `VisaeError` for less than two."""
    if len(set(x)) < 2:
        raise VisaeError(f"a power law needs points at two x or more; there are {len(set(x))}")
    exponent, logarithm = np.polyfit(np.log(x), np.log(y), 1)
    return Power(float(np.exp(logarithm)), float(exponent))


def fit_sparse(densities: Sequence[float], losses: Sequence[float], ratio: float) -> Power:
    """c and k in L = c p^k ln(1 / p) (1 - r) / r, fitted to losses of one ratio; 1/6 and 2 for the theory as p -> 0."""
    p = np.asarray(densities)
    return fit_power(densities, (np.asarray(losses) / np.log(1 / p) * ratio / (1 - ratio)).tolist())
