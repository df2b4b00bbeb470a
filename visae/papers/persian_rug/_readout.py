"""The best y = relu(A (z + m)) with which to read x from z: two numbers, of which one is known given the other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

_TRIED = 33  # shifts from end to end, before the best of them is refined
_PRECISION = 1e-10

Moments = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Readout:
    """y = relu(gain (z + shift)), and its loss E[(y - x)^2]."""

    gain: float
    shift: float
    loss: float


def best_readout(moments: Moments, power: float, shifts: tuple[float, float]) -> Readout:
    """The readout with the least loss whose shift lies between two.

    moments: of a shift m, with y = relu(z + m): E[x y] and E[y^2].
    power:   E[x^2].

    For a gain A > 0 the loss is E[x^2] - 2 A E[x y] + A^2 E[y^2], least at A = E[x y] / E[y^2], where it is
    E[x^2] - E[x y]^2 / E[y^2]. What is left to search is one number, first coarsely, then by Brent's method.
    """

    def loss(shift: float) -> float:
        cross, square = moments(shift)
        return power - cross**2 / square if square > 0 else power

    tried = np.linspace(*shifts, _TRIED)
    place = int(np.argmin([loss(shift) for shift in tried]))
    around = tried[max(place - 1, 0)], tried[min(place + 1, _TRIED - 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": _PRECISION})
    cross, square = moments(float(found.x))
    return Readout(cross / square, float(found.x), float(found.fun))
