"""Neurons as the yardstick: how much of the rows their strongest values explain, at any L0."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._fidelity import Spread

# Values are sorted into bins by the upper 20 bits of their magnitude in float32: 8 of exponent, 12 of mantissa.
_DROPPED_BITS = 11
_BINS = 1 << (31 - _DROPPED_BITS)


@dataclass(frozen=True, eq=False)
class NeuronsCurve:
    """Explained variance of the neurons themselves against L0, where the values that are not kept are zero.

    rows:    number of rows;  total: sum |x - mean x|^2 over them.
    counts:  [b], values that are not zero, by magnitude, strongest bin first;  squares: [b], sums of their squares.
    by_rank: [d], sums over rows of the largest square, the second largest, ...
    """

    rows: int
    total: float
    counts: Int64[Tensor, " b"]
    squares: Float64[Tensor, " b"]
    by_rank: Float64[Tensor, " d"]

    def on_average(self, l0: float) -> float:
        """Explained variance if one threshold over all rows keeps the l0 n values of largest magnitude of n rows.

        `l0` is clipped to the number of values that are not zero, with which the explained variance is 1.
        """
        return self._explained(_sum_of_first(self.counts, self.squares, l0 * self.rows))

    def per_row(self, k: float) -> float:
        """Explained variance if the k values of largest magnitude are kept in each row; linear between whole k."""
        ones = torch.ones(len(self.by_rank), dtype=torch.int64)
        return self._explained(_sum_of_first(ones, self.by_rank, k))

    def _explained(self, kept: float) -> float:
        return 1 - (self.by_rank.sum().item() - kept) / self.total if self.total > 0 else math.nan


@torch.inference_mode()
def neurons_curve(batches: Iterable[Float[Tensor, "_ d"]]) -> NeuronsCurve:
    """Measure the neurons over batches of rows in one pass and in constant memory, for every L0 at once.

    Values are binned by their first 12 bits of mantissa, which is exact for rows stored in float16; between float32
    values that fall into one bin, 0.02 % apart, `on_average` interpolates. Raises `VisaeError` if there are no rows.
    """
    counts, squares = torch.zeros(_BINS, dtype=torch.int64), torch.zeros(_BINS, dtype=torch.float64)
    by_rank, spread = torch.zeros(0, dtype=torch.float64), None
    for x in batches:
        x = x.cpu().float()
        spread = spread or Spread(x.shape[1])
        spread.add(x.double())
        exact = x[x != 0].double().square()
        bins = x[x != 0].abs().view(torch.int32) >> _DROPPED_BITS
        counts += bins.bincount(minlength=_BINS)
        squares += bins.bincount(exact, minlength=_BINS)
        ranked = x.abs().sort(1, descending=True).values.double().square().sum(0)
        by_rank = by_rank + ranked if len(by_rank) else ranked
    if spread is None:
        raise VisaeError("no rows to measure the neurons on; give at least one")
    strongest = counts.nonzero().flatten().flip(0)
    return NeuronsCurve(spread.rows, spread.about_mean(), counts[strongest], squares[strongest], by_rank)


def neurons_explained_variance(batches: Iterable[Float[Tensor, "_ d"]], l0: float) -> float:
    """Explained variance of the neurons' strongest values, `l0` a row on average: see `NeuronsCurve.on_average`."""
    return neurons_curve(batches).on_average(l0)


def _sum_of_first(counts: Int64[Tensor, " b"], sums: Float64[Tensor, " b"], number: float) -> float:
    """Sum over the first `number` of items that come in groups of a count and a sum; linear within a group."""
    before = counts.cumsum(0) - counts
    share = ((number - before) / counts).clamp(0, 1)
    return (share * sums).sum().item()
