"""What of a trained model's W and b counts: shuffles that keep their statistics, and changes that break them.

If the claim holds, y = relu(W x + b) loses as much with all that is shuffled, as long as the diagonal stays where it is
and the rows keep their energy.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from visae.papers.persian_rug._symmetry import off_diagonal, others

Model = tuple[Float[Tensor, "n n"], Float[Tensor, " n"]]
Shuffle = Callable[[Float[Tensor, "n n"], Float[Tensor, " n"], torch.Generator], Model]

_SHARE = 0.2  # of the energy, left to every other row
_LARGER = 1.5
_FEW = 4


def dense_loss(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], x: Float[Tensor, "c n"]) -> float:
    """Mean squared error of y = relu(W x + b) over samples and features."""
    return (x @ W.T + b).relu().sub(x).square().mean().item()


def _within_rows(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """Off-diagonal entries move within their rows."""
    n = len(W)
    order = torch.rand(n, n - 1, generator=source).argsort(1).to(W.device)
    return _with_others(W, others(W).gather(1, order)), b


def _anywhere(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """Off-diagonal entries move anywhere off the diagonal."""
    entries = others(W)
    order = torch.randperm(entries.numel(), generator=source).to(W.device)
    return _with_others(W, entries.flatten()[order].reshape(entries.shape)), b


def _gaussian(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """Off-diagonal entries become Gaussian, of the same mean and variance."""
    entries = others(W)
    drawn = torch.randn(entries.shape, generator=source).to(W)
    return _with_others(W, entries.mean() + entries.std() * drawn), b


def _means(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], _: torch.Generator) -> Model:
    """Each W_ii and each b_i becomes their mean."""
    return off_diagonal(W) + W.diagonal().mean() * torch.eye(len(W)).to(W), b.mean().expand_as(b)


def _biases(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """The biases move to other features."""
    return W, b[torch.randperm(len(b), generator=source).to(b.device)]


def _with_diagonal(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """All entries move within their rows, those of the diagonal too."""
    order = torch.rand(W.shape, generator=source).argsort(1).to(W.device)
    return W.gather(1, order), b


def _rows(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """Rows move to other features, with their biases."""
    order = torch.randperm(len(W), generator=source).to(W.device)
    return W[order], b[order]


def _larger(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], _: torch.Generator) -> Model:
    """All off the diagonal becomes 1.5 times as large."""
    return W + (_LARGER - 1) * off_diagonal(W), b


def _unequal(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], _: torch.Generator) -> Model:
    """Every other row gives four fifths of its energy to the next: the mean energy stays."""
    scale = torch.full((len(W), 1), math.sqrt(_SHARE)).to(W)
    scale[1::2] = math.sqrt(2 - _SHARE)
    return W + (scale - 1) * off_diagonal(W), b


def _few(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], source: torch.Generator) -> Model:
    """The off-diagonal energy of each row goes into four entries, of random signs: the noise is not Gaussian."""
    entries = others(W)
    places = torch.rand(entries.shape, generator=source).topk(_FEW).indices.to(W.device)
    signs = torch.randint(0, 2, places.shape, generator=source).to(W) * 2 - 1
    size = entries.square().sum(1, keepdim=True).div(_FEW).sqrt()
    return _with_others(W, torch.zeros_like(entries).scatter(1, places, signs * size)), b


# By what is done, in the order in which they are shown.
KEEPING: dict[str, Shuffle] = {
    "off-diagonal, within rows": _within_rows,
    "off-diagonal, anywhere": _anywhere,
    "off-diagonal made Gaussian": _gaussian,
    "diagonal and bias made even": _means,
    "biases": _biases,
}
BREAKING: dict[str, Shuffle] = {
    "whole rows' entries, diagonal too": _with_diagonal,
    "rows": _rows,
    "off-diagonal 1.5 times larger": _larger,
    "rows' energies made unequal": _unequal,
    "off-diagonal into 4 entries": _few,
}


def _with_others(W: Float[Tensor, "n n"], entries: Float[Tensor, "n k"]) -> Float[Tensor, "n n"]:
    """W with these off-diagonal entries."""
    n = len(W)
    runs = torch.cat([entries.reshape(n - 1, n), W.diagonal()[1:, None]], 1).flatten()
    return torch.cat([W[0, :1], runs]).reshape(n, n)
