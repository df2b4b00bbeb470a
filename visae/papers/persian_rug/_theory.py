"""The rug's loss at large n, in closed form (after Cowsik, Dolev and Infanger 2024, arXiv 2410.12101).

The engineered model is y = relu(A (W x + m)) with W = R^T R / d, where R is d random rows of a Hadamard matrix of n
columns (entries +-1, rows at right angles), A and m are numbers, and r = d / n.

The diagonal.  W_ii = sum_k R_ki^2 / d = 1.
The rows.      R R^T = n I, so W W = R^T (R R^T) R / d^2 = W / r. As W is symmetric, sum_j W_ij^2 = (W W)_ii = 1 / r:
               all that is off the diagonal of a row has the energy 1 / r - 1 = (1 - r) / r, in every row.
The noise.     (W x)_i = x_i + sum_(j != i) W_ij x_j. The x_j are independent. The sum's mean is the same for all i,
               since all rows of W have the same sum: 1 / r if the row of ones was drawn, else 0. It is part of m. Its
               variance is s^2 = (1 - r) / r Var(x) = (1 - r) / r (p / 3 - p^2 / 4). By the central limit theorem it is
               Gaussian once many of the n terms are active: n p must be large.
The loss.      So, with g ~ N(0, 1) and x ~ U[0, 1],
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

from scipy.special import ndtr

from visae.papers.persian_rug import _data as data
from visae.papers.persian_rug._checks import expect_density, expect_ratio
from visae.papers.persian_rug._readout import Readout, best_readout

_FAR = 6.0  # standard deviations of the noise


def noise_variance(ratio: float, p: float) -> float:
    """s^2 = (1 - r) / r (p / 3 - p^2 / 4), of what other features add to one's reconstruction."""
    expect_ratio(ratio)
    return (1 - ratio) / ratio * data.variance(p)


def predict(ratio: float, p: float) -> Readout:
    """The large-n loss L of the engineered model, a feature and a sample, with the gain A and the shift m of the least.

    The noise has mean zero here: a model whose noise has another mean has it in its shift.
    Raises `VisaeError` for a ratio outside (0, 1), or p outside (0, 1].
    """
    s = math.sqrt(noise_variance(ratio, p))

    def moments(shift: float) -> tuple[float, float]:
        return _moments(p, shift, lambda u: _square(u, s), lambda u: _cube(u, s))

    return best_readout(moments, data.power(p), shifts(ratio, p))


def finite_size(n: int, ratio: float, p: float) -> float:
    """By how much a rug of n features loses more than L, over L, to first order in 1 / n: is n large enough for L?

    Edgeworth's series: a sum with the excess kurtosis k of `noise_kurtosis`, and no skewness, has E[f(u + s g)] plus
    k s^4 / 24 times its fourth derivative in u. That adds -k s^2 t phi / 12 to I_2, and k s^3 phi / 4 to I_3. Since A
    and m are the best, L changes as if they stayed as they are: by A^2 times what E[y^2] gains, less 2 A times what
    E[x y] does. Meaningful where it is well below 1.
    """
    s, best, kurtosis = math.sqrt(noise_variance(ratio, p)), predict(ratio, p), noise_kurtosis(n, p)

    def square(u: float) -> float:
        return -kurtosis * s * u * _density(u / s) / 12

    def cube(u: float) -> float:
        return kurtosis * s**3 * _density(u / s) / 4

    cross, square_mean = _moments(p, best.shift, square, cube)
    return (best.gain**2 * square_mean - 2 * best.gain * cross) / best.loss


def shifts(ratio: float, p: float) -> tuple[float, float]:
    """Between which shifts the best one lies, for noise of mean zero.

    Below the first next to nothing passes the ReLU. Above the second all passes, and the model is the linear one, whose
    shift is (1 - r) / r E[x].
    """
    reach = 1 + _FAR * math.sqrt(noise_variance(ratio, p))
    return -reach, (1 - ratio) / ratio * data.mean(p) + reach


def noise_kurtosis(n: int, p: float) -> float:
    """Excess kurtosis of a rug's noise: how far n is from large enough for the noise to be Gaussian, and L to hold.

    That of a sum over j is sum_j W_ij^4 / (sum_j W_ij^2)^2 times that of x, and W_ij, j != i, itself a sum of d random
    signs, is about Gaussian: 3 / n times that of x, which is 5.4 / (n p) for p << 1. So what counts is how many of the
    features are active at once. By as much the tail beyond the shift is heavier, and the loss larger.
    """
    return 3 / n * data.kurtosis(p)


def linear_loss(ratio: float, p: float) -> float:
    """(1 - r) (p / 3 - p^2 / 4): the least loss of any affine model y = B x + c with B of rank r n.

    The covariance of x is Var(x) I, and whatever B keeps, (1 - r) n of its n equal eigenvalues are lost. Without c it
    is the same: the second moments have the eigenvalue Var(x) n - 1 times, and a larger one that B keeps. For p << 1
    this is the (1 - r) p / 3 that the paper compares with (`projection_loss`).

    The rug is never worse: with A = r it is such a model before the ReLU, and as x >= 0, a ReLU brings y nearer to x.
    """
    expect_ratio(ratio)
    return (1 - ratio) * data.variance(p)


def projection_loss(ratio: float, p: float) -> float:
    """(1 - r) p / 3, the paper's linear baseline: the mean loss of projections on r n random directions, without c."""
    expect_ratio(ratio)
    return (1 - ratio) * data.power(p)


def sparse_limit(ratio: float, p: float) -> float:
    """What L tends to as p goes to 0: (1 - r) / r p^2 ln(1 / p) / 6.

    Let m = -t s, with s^2 -> (1 - r) / r p / 3. An active feature loses min over A of E[(A (x - t s + s g) - x)^2] ->
    s^2 (1 + t^2 / 4), at A = 1 + 3 t s / 2. An inactive one loses s^2 E[relu(g - t)^2] -> 2 s^2 phi(t) / t^3. The sum
    is least at phi(t) ~ p t^3 / 4, that is t^2 ~ 2 ln(1 / p), and there L ~ p s^2 t^2 / 4. What is left out falls only
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
