"""Fidelity: how well an SAE reconstructs rows, and how many features it needs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from visae.sae import SAE


@dataclass(frozen=True)
class Fidelity:
    """Metrics of an SAE over rows x and their reconstructions x_hat, in raw activations; sums in float64.

    explained_variance: 1 - sum |x - x_hat|^2 / sum |x - mean x|^2, up to 1: 0 for the mean, 1 for perfection, negative
                        if worse than the mean; NaN for rows that do not vary.
    normalised_mse:     mean over rows of |x - x_hat|^2 / |x|^2, from 0: 0 for perfection, 1 for zeros. Rows of zeros
                        are left out; NaN if there are no others (Gao et al. 2024, arXiv 2406.04093:
                        `normalized_mean_squared_error` in their released code).
    l0:                 mean number of features that fire (are not zero) on a row, from 0 to m.
    dead_fraction:      fraction of features that fire on none of the rows, from 0 to 1.
    gamma:              relative reconstruction bias: the s that minimises E |x_hat / s - x|^2, which is
                        E |x_hat|^2 / E <x_hat, x>. 1 for perfection and for the mean, below 1 if reconstructions are
                        too short; NaN if E <x_hat, x> is 0 (Rajamanoharan et al. 2024, arXiv 2404.16014, section 3.2).
    cosine:             mean over rows of the cosine between x and x_hat, from -1 to 1: 1 for perfection. Rows where
                        either is zero are left out; NaN if there are no others.
    """

    explained_variance: float
    normalised_mse: float
    l0: float
    dead_fraction: float
    gamma: float
    cosine: float


@dataclass(frozen=True, eq=False)
class Firing:
    """How often an SAE's features fire (are not zero) over a set of rows.

    density:      [m], fraction of the rows on which each feature fires.
    l0_histogram: [largest l0 + 1], number of rows on which 0, 1, 2, ... features fire.
    """

    density: Float64[Tensor, " m"]
    l0_histogram: Int64[Tensor, " _"]


def fidelity(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Fidelity:
    """Measure an SAE's fidelity over batches of rows."""
    return fidelity_and_firing(sae, batches)[0]


def firing(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Firing:
    """Count how often each feature fires, and how many fire together, over batches of rows."""
    return fidelity_and_firing(sae, batches)[1]


@torch.inference_mode()
def fidelity_and_firing(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> tuple[Fidelity, Firing]:
    """Measure both in one pass over the rows."""
    sums = FidelitySums(sae)
    for x in batches:
        f = sae.encode(x)
        sums.add(x.cpu().double(), sae.decode(f).cpu().double(), f != 0)
    return sums.fidelity(), sums.firing()


class FidelitySums:
    """Sums over rows, their reconstructions, and which features fire on them."""

    def __init__(self, sae: SAE):
        self._errors, self._counts = _ErrorSums(sae.dim), _FiringCounts(sae.width)

    def add(self, x: Float64[Tensor, "n d"], x_hat: Float64[Tensor, "n d"], fires: Bool[Tensor, "n m"]) -> None:
        """Add rows."""
        self._errors.add(x, x_hat)
        self._counts.add(fires)

    def fidelity(self) -> Fidelity:
        """The metrics over the rows that were added."""
        errors, counts = self._errors, self._counts
        return Fidelity(
            explained_variance=errors.explained_variance(),
            normalised_mse=_ratio(errors.relative, errors.nonzero_rows),
            l0=counts.by_feature.sum().item() / max(counts.rows, 1),
            dead_fraction=(counts.by_feature == 0).double().mean().item(),
            gamma=_ratio(errors.x_hat_squares, errors.inner),
            cosine=_ratio(errors.cosines, errors.rows_with_cosine),
        )

    def firing(self) -> Firing:
        """How often the features fire on them."""
        return Firing(self._counts.by_feature.double() / max(self._counts.rows, 1), self._counts.histogram())


class _ErrorSums:
    """Sums over rows and their reconstructions."""

    def __init__(self, dim: int):
        self.nonzero_rows = self.rows_with_cosine = 0
        self.error = self.x_hat_squares = self.inner = self.relative = self.cosines = 0.0
        self.spread = Spread(dim)

    def add(self, x: Float64[Tensor, "n d"], x_hat: Float64[Tensor, "n d"]) -> None:
        self.spread.add(x)
        error, x_squares, x_hat_squares = (values.square().sum(1) for values in (x - x_hat, x, x_hat))
        inner = (x * x_hat).sum(1)
        self.error += error.sum().item()
        self.x_hat_squares += x_hat_squares.sum().item()
        self.inner += inner.sum().item()
        nonzero = x_squares > 0
        self.nonzero_rows += int(nonzero.sum())
        self.relative += (error[nonzero] / x_squares[nonzero]).sum().item()
        both = nonzero & (x_hat_squares > 0)
        self.rows_with_cosine += int(both.sum())
        # The root of the product, not the product of roots: for x_hat = x it is exactly |x|^2, and the cosine 1.
        self.cosines += (inner[both] / (x_squares[both] * x_hat_squares[both]).sqrt()).sum().item()

    def explained_variance(self) -> float:
        about_mean = self.spread.about_mean()
        return 1 - self.error / about_mean if about_mean > 0 else math.nan


class Spread:
    """Sums over rows that give their total variance."""

    def __init__(self, dim: int):
        self.rows, self.squares = 0, 0.0
        self.total = torch.zeros(dim, dtype=torch.float64)
        self.origin: Tensor | None = None

    def add(self, x: Float64[Tensor, "n d"]) -> None:
        """Add rows."""
        # The variance does not depend on the origin. With one of the rows as the origin, identical rows have a variance
        # of exactly 0, and rows far from zero lose no digits.
        self.origin = x[:1] if self.origin is None else self.origin
        self.rows += len(x)
        self.squares += (x - self.origin).square().sum().item()
        self.total += (x - self.origin).sum(0)

    def about_mean(self) -> float:
        """sum |x - mean x|^2."""
        return self.squares - self.total.square().sum().item() / max(self.rows, 1)


class _FiringCounts:
    """Number of rows on which each feature fires, and on which each number of features fires."""

    def __init__(self, width: int):
        self.rows = 0
        self.by_feature = torch.zeros(width, dtype=torch.int64)
        self._by_l0 = torch.zeros(width + 1, dtype=torch.int64)

    def add(self, fires: Bool[Tensor, "n m"]) -> None:
        self.rows += len(fires)
        # 32 bits, which a batch cannot overflow: summing booleans in 64 bits takes five times as long on a CPU.
        self.by_feature += fires.sum(0, dtype=torch.int32).cpu()
        self._by_l0 += fires.sum(1, dtype=torch.int32).cpu().bincount(minlength=len(self._by_l0))

    def histogram(self) -> Int64[Tensor, " _"]:
        """Up to the largest number of features that occurred; empty without rows."""
        return self._by_l0[: int(self._by_l0.nonzero().amax()) + 1 if self.rows else 0].clone()


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan
