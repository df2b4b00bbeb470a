"""The engineered rug's loss at large n in closed form (after Cowsik, Dolev and Infanger 2024, arXiv 2410.12101).

The data: n independent features, each active with probability p and then uniform on [0, 1].
The model: y = relu(A (W x + m)) with W = R^T R / d, where R holds d random rows of an n x n Hadamard matrix (entries
+-1, orthogonal rows), A and m are scalars, and r = d / n.

The diagonal.  W_ii = sum_k R_ki^2 / d = 1.
The rows.      R R^T = n I, so W W = R^T (R R^T) R / d^2 = W / r. As W is symmetric, sum_j W_ij^2 = (W W)_ii = 1 / r:
               the off-diagonal entries of every row have the energy 1 / r - 1 = (1 - r) / r.
The noise.     (W x)_i = x_i + sum_(j != i) W_ij x_j, where the x_j are independent. The mean of the sum is the same
               for all i, since all rows of W have the same sum: 1 / r if R contains the row of ones, else 0. It is
               absorbed by m. The variance is s^2 = (1 - r) / r Var(x) = (1 - r) / r (p / 3 - p^2 / 4). By the central
               limit theorem the sum is Gaussian once many of its n terms are active: n p must be large.
The loss.      With g ~ N(0, 1) and x ~ U[0, 1],
               L = min over A, m of (1 - p) E[relu(A (s g + m))^2] + p E[(relu(A (x + s g + m)) - x)^2].

The integrals. Let I_k(u) = E[relu(u + s g)^k]. Then dI_k / du = k I_(k-1), and with t = u / s, the normal distribution
               Phi(t) and its density phi(t),
               I_2(u) = (u^2 + s^2) Phi + u s phi,    I_3(u) = (u^3 + 3 u s^2) Phi + (u^2 + 2 s^2) s phi.
               For y = relu(z + m), with D = I_3(1 + m) - I_3(m):
               E[y^2] = (1 - p) I_2(m) + p int_0^1 I_2(x + m) dx = (1 - p) I_2(m) + p D / 3,
               E[x y] = p int_0^1 x I_1(x + m) dx = p (I_2(1 + m) / 2 - D / 6), by parts.
               The best A given m follows from these two (see `best_readout`), and m is searched.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from visae._support.errors import VisaeError

_FAR = 6.0  # standard deviations of the noise
_GRID = 33  # shifts tried before the best is refined
_PRECISION = 1e-10

Moments = Callable[[float], tuple[float, float]]


def expect_density(p: float) -> None:
    """Raise `VisaeError` unless p, the share of inputs in which a feature is active, lies in (0, 1]."""
    if not 0 < p <= 1:
        raise VisaeError(f"p is {p:g}; the share of inputs in which a feature is active must be above 0 and at most 1")


def expect_ratio(ratio: float) -> None:
    """Raise `VisaeError` unless the ratio of bottleneck to features lies in (0, 1)."""
    if not 0 < ratio < 1:
        raise VisaeError(
            f"ratio is {ratio:g}; the bottleneck's width over the number of features must be above 0 and below 1"
        )


def input_moment(p: float, k: int) -> float:
    """E[x^k] = p / (k + 1); for k = 2 also the loss of a model that always outputs 0."""
    expect_density(p)
    return p / (k + 1)


def input_variance(p: float) -> float:
    """Var(x) = E[x^2] - E[x]^2 = p / 3 - p^2 / 4."""
    return input_moment(p, 2) - input_moment(p, 1) ** 2


def input_kurtosis(p: float) -> float:
    """Excess kurtosis E[(x - E[x])^4] / Var(x)^2 - 3; 9 / (5 p) for p << 1."""
    first, second, third, fourth = (input_moment(p, k) for k in range(1, 5))
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    return central / input_variance(p) ** 2 - 3


@dataclass(frozen=True)
class Readout:
    """y = relu(gain (z + shift)), and its loss E[(y - x)^2]."""

    gain: float
    shift: float
    loss: float


def best_readout(moments: Moments, power: float, shifts: tuple[float, float]) -> Readout:
    """Return the readout with the least loss among shifts in a range.

    moments: maps a shift m to E[x y] and E[y^2] of y = relu(z + m).
    power:   E[x^2].

    For a gain A > 0 the loss is E[x^2] - 2 A E[x y] + A^2 E[y^2], least at A = E[x y] / E[y^2], where it is
    E[x^2] - E[x y]^2 / E[y^2]. The shift is searched on a grid, then by Brent's method.
    """

    def loss(shift: float) -> float:
        cross, square = moments(shift)
        return power - cross**2 / square if square > 0 else power

    grid = np.linspace(*shifts, _GRID)
    best = int(np.argmin([loss(shift) for shift in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    minimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": _PRECISION})
    cross, square = moments(float(minimum.x))
    return Readout(cross / square, float(minimum.x), float(minimum.fun))


def noise_variance(ratio: float, p: float) -> float:
    """s^2 = (1 - r) / r (p / 3 - p^2 / 4), the variance of what the other features add to a feature's output."""
    expect_ratio(ratio)
    return (1 - ratio) / ratio * input_variance(p)


def predict(ratio: float, p: float) -> Readout:
    """Return the loss L per feature of the engineered model at large n, with the gain A and shift m that attain it.

    The noise has mean zero here; a model whose noise has another mean absorbs it in its shift.
    Raises `VisaeError` for a ratio outside (0, 1) or p outside (0, 1].
    """
    s = math.sqrt(noise_variance(ratio, p))

    def moments(shift: float) -> tuple[float, float]:
        return _moments(p, shift, lambda u: _square(u, s), lambda u: _cube(u, s))

    return best_readout(moments, input_moment(p, 2), shift_range(ratio, p))


def finite_size(n: int, ratio: float, p: float) -> float:
    """Return the relative excess over L of the loss of a rug of n features, to first order in 1 / n.

    Edgeworth's series: for a sum with excess kurtosis k (`noise_kurtosis`) and no skewness, E[f(u + s g)] gains k s^4 /
    24 times its fourth derivative in u. That adds -k s^2 t phi / 12 to I_2 and k s^3 phi / 4 to I_3. Since A and m are
    optimal, L changes as if they were fixed: by A^2 times the gain of E[y^2] minus 2 A times the gain of E[x y].
    Meaningful where well below 1.
    """
    s, best, kurtosis = math.sqrt(noise_variance(ratio, p)), predict(ratio, p), noise_kurtosis(n, p)

    def square(u: float) -> float:
        return -kurtosis * s * u * _density(u / s) / 12

    def cube(u: float) -> float:
        return kurtosis * s**3 * _density(u / s) / 4

    cross, square_mean = _moments(p, best.shift, square, cube)
    return (best.gain**2 * square_mean - 2 * best.gain * cross) / best.loss


def shift_range(ratio: float, p: float) -> tuple[float, float]:
    """Bounds on the best shift for noise of mean zero.

    Below the first almost nothing passes the ReLU. Above the second everything does, and the model is the linear one,
    whose shift is (1 - r) / r E[x].
    """
    reach = 1 + _FAR * math.sqrt(noise_variance(ratio, p))
    return -reach, (1 - ratio) / ratio * input_moment(p, 1) + reach


def noise_kurtosis(n: int, p: float) -> float:
    """Excess kurtosis of a rug's noise, which shows whether n is large enough for Gaussian noise and so for L.

    A sum over j has sum_j W_ij^4 / (sum_j W_ij^2)^2 times the excess kurtosis of x. W_ij, j != i, is itself a sum of d
    random signs and so about Gaussian: 3 / n times the kurtosis of x, which is 5.4 / (n p) for p << 1. So what counts
    is the number of features active at once. The tail beyond the shift, and the loss, grow by the same amount.
    """
    return 3 / n * input_kurtosis(p)


def linear_loss(ratio: float, p: float) -> float:
    """(1 - r) (p / 3 - p^2 / 4): the least loss of any affine model y = B x + c with B of rank r n.

    The covariance of x is Var(x) I, and (1 - r) n of its n equal eigenvalues are lost whatever B keeps. Without c the
    loss is the same: the second moments have the eigenvalue Var(x) n - 1 times, and a larger one that B keeps. For
    p << 1 this is the (1 - r) p / 3 that the paper compares with (`projection_loss`).

    The rug is never worse: with A = r it is such a model before the ReLU, and as x >= 0 a ReLU brings y nearer to x.
    """
    expect_ratio(ratio)
    return (1 - ratio) * input_variance(p)


def projection_loss(ratio: float, p: float) -> float:
    """(1 - r) p / 3, the paper's linear baseline: the mean loss of projections on r n random directions, without c."""
    expect_ratio(ratio)
    return (1 - ratio) * input_moment(p, 2)


def sparse_limit(ratio: float, p: float) -> float:
    """Limit of L as p goes to 0: (1 - r) / r p^2 ln(1 / p) / 6.

    Let m = -t s, with s^2 -> (1 - r) / r p / 3. An active feature loses min over A of E[(A (x - t s + s g) - x)^2] ->
    s^2 (1 + t^2 / 4), at A = 1 + 3 t s / 2. An inactive one loses s^2 E[relu(g - t)^2] -> 2 s^2 phi(t) / t^3. The sum
    is least at phi(t) ~ p t^3 / 4, that is t^2 ~ 2 ln(1 / p), and there L ~ p s^2 t^2 / 4. The remainder falls only
    with ln ln(1 / p) / ln(1 / p).
    """
    expect_density(p)
    expect_ratio(ratio)
    return (1 - ratio) / ratio * p**2 * math.log(1 / p) / 6


def _moments(
    p: float, shift: float, square: Callable[[float], float], cube: Callable[[float], float]
) -> tuple[float, float]:
    """E[x y] and E[y^2] of y = relu(z + m), from I_2 and I_3 as functions of u."""
    cubes = cube(1 + shift) - cube(shift)
    return p * (square(1 + shift) / 2 - cubes / 6), (1 - p) * square(shift) + p * cubes / 3


def _square(u: float, s: float) -> float:
    """I_2."""
    return float((u**2 + s**2) * ndtr(u / s) + u * s * _density(u / s))


def _cube(u: float, s: float) -> float:
    """I_3."""
    return float((u**3 + 3 * u * s**2) * ndtr(u / s) + (u**2 + 2 * s**2) * s * _density(u / s))


def _density(t: float) -> float:
    return math.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
