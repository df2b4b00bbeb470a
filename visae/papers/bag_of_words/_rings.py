"""Whether directions lie on a ring, in which order, and how smooth it is.

Tensors in, tensors out: vectors [n, d] are columns of a toy's weights, or decoder directions of an SAE.
"""

import cmath
import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from visae._support.errors import VisaeError


def plane(vectors: Float[Tensor, "n d"]) -> tuple[Float64[Tensor, "n 2"], float]:
    """Coordinates in the plane of the top two principal components, around the centroid, and their share of variance.

    The signs of the two axes, and where they have equal variance their directions, mean nothing. Raises `VisaeError`
    for vectors of fewer than two dimensions.
    """
    if vectors.shape[1] < 2:
        raise VisaeError(f"the vectors have {vectors.shape[1]} dimension; a plane needs 2 or more")
    away = vectors.double() - vectors.double().mean(0)
    U, S, _ = torch.linalg.svd(away, full_matrices=False)
    return U[:, :2] * S[:2], (S[:2].square().sum() / S.square().sum()).item()


def angles(points: Float[Tensor, "n 2"]) -> Float64[Tensor, " n"]:
    """Degrees of each point around the origin, 0 to 360."""
    of = points.double()
    return torch.rad2deg(torch.atan2(of[:, 1], of[:, 0])) % 360


def order(points: Float[Tensor, "n 2"]) -> Int[Tensor, " n"]:
    """The items in the order in which they lie around the origin."""
    return angles(points).argsort(stable=True)


def neighbours_kept(around: Int[Tensor, " n"]) -> float:
    """Of the n pairs of items that lie side by side in an order, the share that are neighbours i, i + 1 (mod n).

    1 exactly where the order is 0, 1, ..., n - 1 up to rotation and reflection; `neighbours_by_chance` on average over
    random orders. Raises `VisaeError` for fewer than four items, which are always in order.
    """
    n = len(around)
    if n < 4:
        raise VisaeError(f"a ring of {n} items is always in order; give at least 4")
    step = (around.roll(-1) - around) % n
    return ((step == 1) | (step == n - 1)).double().mean().item()


def neighbours_by_chance(n: int) -> float:
    """The expectation of `neighbours_kept` over random orders: 2 / (n - 1), as of n - 1 others two are neighbours."""
    return 2 / (n - 1)


def chance_of_order(n: int) -> float:
    """The chance that a random order of n items is exact, up to rotation and reflection: 2n / n!."""
    return 2 * n / math.factorial(n)


def turned_alike(one: Float[Tensor, " n"], other: Float[Tensor, " n"]) -> float:
    """How well one set of angles (degrees) is another turned, or turned and mirrored: 1 for exactly so.

    The larger of |mean exp(i (a - b))| and |mean exp(i (a + b))|. For n unrelated angles each of the two is about
    1 / sqrt(n).
    """
    return abs(_best_turn(one, other)[1])


def turned(one: Float[Tensor, " n"], other: Float[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """Angles (degrees) after the turn, or the turn of their mirror image, that brings them nearest to others."""
    sign, mean = _best_turn(one, other)
    return (sign * one.double() - math.degrees(cmath.phase(mean))) % 360


def _best_turn(one: Float[Tensor, " n"], other: Float[Tensor, " n"]) -> tuple[int, complex]:
    """1, or -1 for the mirror image, and the mean of exp(i (sign a - b)), whichever has the longer one."""
    means = {}
    for sign in (1, -1):
        apart = torch.deg2rad(sign * one.double() - other.to(one.device).double())
        means[sign] = complex(apart.cos().mean().item(), apart.sin().mean().item())
    best = max(means, key=lambda sign: abs(means[sign]))
    return best, means[best]


def harmonics(vectors: Float[Tensor, "n d"], at: Float[Tensor, " n"], highest: int) -> list[float]:
    """Of the vectors' variance, the share that harmonic h = 1, ..., highest of the angle explains by itself.

    By least squares on cos(h at) and sin(h at) around the centroid. For n even angles these are the powers of a Fourier
    transform over the ring, and harmonics 1 to n // 2 sum to 1; for others they overlap. A ring in a plane is harmonic
    1; a ring that ripples, as Fourier features do, has several.

    at: degrees, of each vector on the ring.
    """
    away = vectors.double() - vectors.double().mean(0)
    total = away.square().sum()
    shares = []
    for harmonic in range(1, highest + 1):
        waves = _waves(at.to(away.device).double(), harmonic)
        shares.append(((waves.T @ away).square().sum() / total).item())
    return shares


def _waves(at: Float64[Tensor, " n"], harmonic: int) -> Float64[Tensor, "n rank"]:
    """An orthonormal basis of what cosine and sine of a harmonic span, around their means; one of them may vanish."""
    angle = torch.deg2rad(harmonic * at)
    pair = torch.stack([angle.cos(), angle.sin()], 1)
    U, S, _ = torch.linalg.svd(pair - pair.mean(0), full_matrices=False)
    basis: Float64[Tensor, "n rank"] = U[:, S / math.sqrt(len(at)) > 1e-6]
    return basis
