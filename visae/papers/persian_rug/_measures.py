"""What matters in W and b: how alike features are, how Gaussian their noise is, and which changes raise the loss.

The claim: at large n only statistics of W and b matter, and they are the same for all features. If so, y = relu(W x +
b) keeps its loss when entries are shuffled, as long as the diagonal stays in place and rows keep their energy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.papers.persian_rug._theory import input_moment, input_variance

_CHUNK = 64  # features whose noise is in memory at once
_SHARE = 0.2  # of the energy, left in every other row
_LARGER = 1.5
_FEW = 4

Weights = Float[Tensor, "n n"]
Bias = Float[Tensor, " n"]
Entries = Float[Tensor, "n k"]
WeightChange = Callable[[Weights, Bias, torch.Generator], tuple[Weights, Bias]]


@dataclass(frozen=True)
class RugSymmetry:
    """How much a model's features differ, and its off-diagonal entries.

    diagonal:     variance of W_ii over features, relative to the square of its mean; 0 for a rug.
    bias:         the same for b_i.
    row_energy:   the same for sum_(j != i) W_ij^2.
    energy:       mean of sum_(j != i) W_ij^2 over the square of the mean of W_ii; (1 - r) / r for a rug.
    skewness:     of the W_ij, i != j, about their mean; near 0 for a rug.
    unlearned:    share of features with W_ii below a tenth of the largest, which the model does not represent.
    """

    diagonal: float
    bias: float
    row_energy: float
    energy: float
    skewness: float
    unlearned: float


def symmetry(W: Weights, b: Bias) -> RugSymmetry:
    """Measure the symmetry of y = relu(W x + b)."""
    diagonal = W.diagonal().double()
    energy = off_diagonal(W).double().square().sum(1)
    entries = off_diagonal_entries(W).double()
    centred = entries - entries.mean()
    return RugSymmetry(
        diagonal=_relative_variance(diagonal),
        bias=_relative_variance(b.double()),
        row_energy=_relative_variance(energy),
        energy=(energy.mean() / diagonal.mean().square()).item(),
        skewness=(centred.pow(3).mean() / centred.square().mean().pow(1.5)).item(),
        unlearned=(diagonal < diagonal.max() / 10).double().mean().item(),
    )


def noise_distance(W: Weights, p: float, x: Float[Tensor, "c n"]) -> Float[Tensor, " n"]:
    """Return each feature's Kolmogorov-Smirnov distance of its noise sum_(j != i) W_ij x_j from a Gaussian.

    The largest difference between the distribution over the samples x, of density p, and the normal distribution with
    the noise's mean E[x] sum_j W_ij and variance Var(x) sum_j W_ij^2, j != i. `chance_distance` is its expectation for
    Gaussian noise. Raises `VisaeError` for p outside (0, 1].
    """
    return torch.cat([_distances(rows, p, x) for rows in torch.split(off_diagonal(W), _CHUNK)])


def chance_distance(samples: int) -> float:
    """Mean distance between a Gaussian and `samples` draws from it: sqrt(pi / 2) ln 2 / sqrt(samples) (Kolmogorov)."""
    return math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(samples)


def dense_loss(W: Weights, b: Bias, x: Float[Tensor, "c n"]) -> float:
    """Mean squared error of y = relu(W x + b) over samples and features."""
    return (x @ W.T + b).relu().sub(x).square().mean().item()


def off_diagonal(W: Weights) -> Weights:
    """W with zeros on its diagonal."""
    return W - torch.diag(W.diagonal())


def off_diagonal_entries(W: Weights) -> Entries:
    """The k = n - 1 off-diagonal entries of each row."""
    n = len(W)
    # Without its first entry the matrix is n - 1 runs of n off-diagonal entries, each followed by a diagonal one.
    return W.flatten()[1:].reshape(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def _with_entries(W: Weights, entries: Entries) -> Weights:
    """W with these off-diagonal entries."""
    n = len(W)
    runs = torch.cat([entries.reshape(n - 1, n), W.diagonal()[1:, None]], 1).flatten()
    return torch.cat([W[0, :1], runs]).reshape(n, n)


def _on_entries(change: Callable[[Entries, torch.Generator], Entries]) -> WeightChange:
    """A change to the off-diagonal entries alone."""
    return lambda W, b, source: (_with_entries(W, change(off_diagonal_entries(W), source)), b)


def _shuffle_within_rows(entries: Entries, source: torch.Generator) -> Entries:
    order = torch.rand(entries.shape, generator=source).argsort(1).to(entries.device)
    return entries.gather(1, order)


def _shuffle_anywhere(entries: Entries, source: torch.Generator) -> Entries:
    order = torch.randperm(entries.numel(), generator=source).to(entries.device)
    return entries.flatten()[order].reshape(entries.shape)


def _draw_gaussian(entries: Entries, source: torch.Generator) -> Entries:
    """Draw entries of the same mean and variance."""
    return entries.mean() + entries.std() * torch.randn(entries.shape, generator=source).to(entries)


def _concentrate(entries: Entries, source: torch.Generator) -> Entries:
    """Move the energy of each row into four entries of random sign: the noise is not Gaussian."""
    columns = torch.rand(entries.shape, generator=source).topk(_FEW).indices.to(entries.device)
    signs = torch.randint(0, 2, columns.shape, generator=source).to(entries) * 2 - 1
    size = entries.square().sum(1, keepdim=True).div(_FEW).sqrt()
    return torch.zeros_like(entries).scatter(1, columns, signs * size)


def _equalise(W: Weights, b: Bias, _: torch.Generator) -> tuple[Weights, Bias]:
    """Replace each W_ii and each b_i by their means."""
    return off_diagonal(W) + W.diagonal().mean() * torch.eye(len(W)).to(W), b.mean().expand_as(b)


def _permute_rows(W: Weights, b: Bias, source: torch.Generator) -> tuple[Weights, Bias]:
    """Move rows, with their biases, to other features."""
    order = torch.randperm(len(W), generator=source).to(W.device)
    return W[order], b[order]


def _unbalance(W: Weights, b: Bias, _: torch.Generator) -> tuple[Weights, Bias]:
    """Move four fifths of the energy of every other row to the next; the mean energy stays."""
    scale = torch.full((len(W), 1), math.sqrt(_SHARE)).to(W)
    scale[1::2] = math.sqrt(2 - _SHARE)
    return W + (scale - 1) * off_diagonal(W), b


# In the order of the page. The names also seed the shuffles.
KEEPING: dict[str, WeightChange] = {
    "off-diagonal, within rows": _on_entries(_shuffle_within_rows),
    "off-diagonal, anywhere": _on_entries(_shuffle_anywhere),
    "off-diagonal made Gaussian": _on_entries(_draw_gaussian),
    "diagonal and bias made even": _equalise,
    "biases": lambda W, b, source: (W, _permute_rows(W, b, source)[1]),
}
BREAKING: dict[str, WeightChange] = {
    "whole rows' entries, diagonal too": lambda W, b, source: (_shuffle_within_rows(W, source), b),
    "rows": _permute_rows,
    "off-diagonal 1.5 times larger": lambda W, b, _: (W + (_LARGER - 1) * off_diagonal(W), b),
    "rows' energies made unequal": _unbalance,
    "off-diagonal into 4 entries": _on_entries(_concentrate),
}


def _distances(rows: Float[Tensor, "k n"], p: float, x: Float[Tensor, "c n"]) -> Float[Tensor, " k"]:
    mean = input_moment(p, 1) * rows.sum(1)
    deviation = (input_variance(p) * rows.square().sum(1)).sqrt()
    standard = ((x @ rows.T - mean) / deviation).double()
    expected = torch.special.ndtr(standard.sort(dim=0).values)
    count = len(x)
    steps = torch.arange(count + 1, dtype=torch.float64, device=x.device)[:, None] / count
    return torch.maximum((steps[1:] - expected).amax(0), (expected - steps[:-1]).amax(0))


def _relative_variance(values: Float[Tensor, " n"]) -> float:
    return (values.var(correction=0) / values.mean().square()).item()
