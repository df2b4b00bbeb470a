"""Whether directions lie on a ring, in which order, and how smooth it is.

vectors [n, d] are decoder directions of an SAE, or columns of a toy model's weights.
"""

import cmath
import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from visae._support.errors import VisaeError


def ring_plane(vectors: Float[Tensor, "n d"]) -> tuple[Float64[Tensor, "n 2"], float]:
    """Coordinates in the plane of the top two principal components, about the centroid, and its share of variance.

    The signs of the two axes are arbitrary, and so are their directions if the variances are equal. Raises `VisaeError`
    for vectors of fewer than two dimensions.
    """
    if vectors.shape[1] < 2:
        raise VisaeError(f"the vectors have {vectors.shape[1]} dimension; a plane needs 2 or more")
    away = vectors.double() - vectors.double().mean(0)
    U, S, _ = torch.linalg.svd(away, full_matrices=False)
    return U[:, :2] * S[:2], (S[:2].square().sum() / S.square().sum()).item()


def ring_angles(points: Float[Tensor, "n 2"]) -> Float64[Tensor, " n"]:
    """Degrees of each point around the origin, 0 to 360."""
    x, y = points.double().unbind(1)
    return torch.rad2deg(torch.atan2(y, x)) % 360


def ring_order(points: Float[Tensor, "n 2"]) -> Int[Tensor, " n"]:
    """The items in their order around the origin."""
    return ring_angles(points).argsort(stable=True)


def neighbours_kept(order: Int[Tensor, " n"]) -> float:
    """Share of the n adjacent pairs in an order that are neighbours i, i + 1 (mod n).

    1 exactly if the order is 0, 1, ..., n - 1 up to rotation and reflection; `neighbours_by_chance` on average over
    random orders. Raises `VisaeError` for fewer than four items, which are always in order.
    """
    n = len(order)
    if n < 4:
        raise VisaeError(f"a ring of {n} items is always in order; give at least 4")
    step = (order.roll(-1) - order) % n
    return ((step == 1) | (step == n - 1)).double().mean().item()


def neighbours_by_chance(n: int) -> float:
    """Expectation of `neighbours_kept` over random orders: 2 / (n - 1), as two of n - 1 others are neighbours."""
    return 2 / (n - 1)


def order_by_chance(n: int) -> float:
    """Probability that a random order of n items is exact, up to rotation and reflection: 2n / n!."""
    return 2 * n / math.factorial(n)


def rings_alike(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> float:
    """How closely angles (degrees) match others up to rotation and reflection: 1 for an exact match.

    The larger of |mean exp(i (a - b))| and |mean exp(i (a + b))|. Each is about 1 / sqrt(n) for n unrelated angles.
    """
    return abs(_best_turn(a, b)[1])


def turned_onto(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """Angles a (degrees) after the rotation, with a reflection or not, that brings them nearest to b."""
    sign, mean = _best_turn(a, b)
    return (sign * a.double() - math.degrees(cmath.phase(mean))) % 360


def _best_turn(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> tuple[int, complex]:
    """1, or -1 for the mirror image, whichever makes the mean of exp(i (sign a - b)) longer, and that mean."""
    means = {}
    for sign in (1, -1):
        apart = torch.deg2rad(sign * a.double() - b.to(a.device).double())
        means[sign] = complex(apart.cos().mean().item(), apart.sin().mean().item())
    best = max(means, key=lambda sign: abs(means[sign]))
    return best, means[best]


def ring_harmonics(vectors: Float[Tensor, "n d"], at: Float[Tensor, " n"], highest: int) -> list[float]:
    """Share of the vectors' variance that each harmonic h = 1, ..., highest of the angle explains alone.

    By least squares on cos(h at) and sin(h at) around the centroid. For n even angles these are the powers of a Fourier
    transform over the ring, and harmonics 1 to n // 2 sum to 1; for others they overlap. A ring in a plane is harmonic
    1 only; a ring that ripples, like Fourier features, has several.

    at: degrees, of each vector on the ring.
    """
    away = vectors.double() - vectors.double().mean(0)
    total = away.square().sum()
    bases = (_harmonic_basis(at.to(away.device).double(), harmonic) for harmonic in range(1, highest + 1))
    return [((basis.T @ away).square().sum() / total).item() for basis in bases]


def _harmonic_basis(at: Float64[Tensor, " n"], harmonic: int) -> Float64[Tensor, "n rank"]:
    """An orthonormal basis of the centred cosine and sine of a harmonic; one of them may vanish."""
    angle = torch.deg2rad(harmonic * at)
    pair = torch.stack([angle.cos(), angle.sin()], 1)
    U, S, _ = torch.linalg.svd(pair - pair.mean(0), full_matrices=False)
    basis: Float64[Tensor, "n rank"] = U[:, S / math.sqrt(len(at)) > 1e-6]
    return basis
