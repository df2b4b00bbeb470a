"""How alike the features of a model are to each other, and how Gaussian their noise is.

The claim: at large n only statistics of W and b count, which are the same for all features.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.papers.persian_rug import _data as data
from visae.papers.persian_rug._checks import expect_density

_CHUNK = 64  # features whose noise is held at once


@dataclass(frozen=True)
class Symmetry:
    """How a model's features differ, and what is off the diagonal.

    diagonal:     variance of W_ii over features, relative to the square of its mean; 0 for a rug.
    bias:         the same of b_i.
    row_energy:   the same of sum_(j != i) W_ij^2.
    energy:       the mean of sum_(j != i) W_ij^2 over the square of the mean of W_ii; (1 - r) / r for a rug.
    skewness:     of the W_ij, i != j, about their mean; near 0 for a rug.
    unlearned:    share of features with W_ii below a tenth of the largest: those that the model does not represent.
    """

    diagonal: float
    bias: float
    row_energy: float
    energy: float
    skewness: float
    unlearned: float


def symmetry(W: Float[Tensor, "n n"], b: Float[Tensor, " n"]) -> Symmetry:
    """The symmetry of y = relu(W x + b)."""
    diagonal = W.diagonal().double()
    energy = off_diagonal(W).double().square().sum(1)
    return Symmetry(
        diagonal=_relative_variance(diagonal),
        bias=_relative_variance(b.double()),
        row_energy=_relative_variance(energy),
        energy=(energy.mean() / diagonal.mean().square()).item(),
        skewness=_skewness(others(W).double()),
        unlearned=(diagonal < diagonal.max() / 10).double().mean().item(),
    )


def off_diagonal(W: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """W with zeros on its diagonal."""
    return W - torch.diag(W.diagonal())


def others(W: Float[Tensor, "n n"]) -> Float[Tensor, "n k"]:
    """The k = n - 1 off-diagonal entries of each row."""
    n = len(W)
    # Without its first entry the matrix is n - 1 runs of n off-diagonal entries, with one of the diagonal after each.
    return W.flatten()[1:].reshape(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def noise_distance(W: Float[Tensor, "n n"], p: float, x: Float[Tensor, "c n"]) -> Float[Tensor, " n"]:
    """Of each feature, Kolmogorov and Smirnov's distance of its noise sum_(j != i) W_ij x_j from a Gaussian.

    The largest difference between the distribution over the samples x, of density p, and the normal one with the
    noise's own mean E[x] sum_j W_ij and variance Var(x) sum_j W_ij^2, j != i. See `chance_distance` for how large it is
    by chance.
    """
    expect_density(p)
    return torch.cat([_distances(rows, p, x) for rows in torch.split(off_diagonal(W), _CHUNK)])


def chance_distance(samples: int) -> float:
    """The mean distance of so many samples of a Gaussian from it: sqrt(pi / 2) ln 2 / sqrt(samples) (Kolmogorov)."""
    return math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(samples)


def _distances(rows: Float[Tensor, "k n"], p: float, x: Float[Tensor, "c n"]) -> Float[Tensor, " k"]:
    mean = data.mean(p) * rows.sum(1)
    deviation = (data.variance(p) * rows.square().sum(1)).sqrt()
    standard = ((x @ rows.T - mean) / deviation).double()
    expected = torch.special.ndtr(standard.sort(dim=0).values)
    count = len(x)
    steps = torch.arange(count + 1, dtype=torch.float64, device=x.device)[:, None] / count
    return torch.maximum((steps[1:] - expected).amax(0), (expected - steps[:-1]).amax(0))


def _skewness(values: Float[Tensor, "n k"]) -> float:
    centred = values - values.mean()
    return (centred.pow(3).mean() / centred.square().mean().pow(1.5)).item()


def _relative_variance(values: Float[Tensor, " n"]) -> float:
    return (values.var(correction=0) / values.mean().square()).item()
