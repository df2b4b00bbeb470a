"""How well an SAE describes rows, and with how much."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from visae.sae import SAE


@dataclass(frozen=True)
class Fidelity:
    """Figures of an SAE over a set of rows x and their reconstructions x_hat, raw activations, sums in float64.

    explained_variance: 1 - sum |x - x_hat|^2 / sum |x - mean x|^2: 0 for the mean, 1 for perfection; nan for rows
                        that do not vary.
    normalised_mse:     mean over rows of |x - x_hat|^2 / |x|^2, rows of zeros left out; nan if there are no others
                        (Gao et al. 2024, arXiv 2406.04093: `normalized_mean_squared_error` of their released code).
    l0:                 mean number of features that fire on a row, that is, are not zero.
    dead_fraction:      share of features that fire on none of the rows.
    gamma:              relative reconstruction bias, the s that minimises E |x_hat / s - x|^2, which is
                        E |x_hat|^2 / E <x_hat, x>: 1 without bias, less where reconstructions are too short; nan
                        where E <x_hat, x> is 0 (Rajamanoharan et al. 2024, arXiv 2404.16014, section 3.2).
    cosine:             mean over rows of the cosine between x and x_hat, rows where either is zero left out; nan if
                        there are no others.
    """

    explained_variance: float
    normalised_mse: float
    l0: float
    dead_fraction: float
    gamma: float
    cosine: float


@dataclass(frozen=True, eq=False)
class Firing:
    """How often an SAE's features fire, that is, are not zero, over a set of rows.

    density:      [m], share of the rows on which each feature fires.
    l0_histogram: [largest l0 + 1], how many rows have 0, 1, 2, ... features that fire.
    """

    density: Float64[Tensor, " m"]
    l0_histogram: Int64[Tensor, " _"]


def fidelity(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Fidelity:
    """An SAE's fidelity over all the rows of the batches."""
    return fidelity_and_firing(sae, batches)[0]


def firing(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Firing:
    """How often each feature fires, and how many fire together, over all the rows of the batches."""
    return fidelity_and_firing(sae, batches)[1]


@torch.inference_mode()
def fidelity_and_firing(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> tuple[Fidelity, Firing]:
    """Both in one pass over the rows."""
    errors, fired = _Errors(sae.dim), _Fired(sae.width)
    for x in batches:
        f = sae.encode(x)
        errors.add(x.cpu().double(), sae.decode(f).cpu().double())
        fired.add(f != 0)
    figures = Fidelity(
        explained_variance=errors.explained_variance(),
        normalised_mse=_ratio(errors.relative, errors.with_length),
        l0=fired.count.sum().item() / max(fired.rows, 1),
        dead_fraction=(fired.count == 0).double().mean().item(),
        gamma=_ratio(errors.guess, errors.inner),
        cosine=_ratio(errors.cosines, errors.with_cosine),
    )
    return figures, Firing(fired.count.double() / max(fired.rows, 1), fired.histogram())


class _Errors:
    """Sums over rows and their reconstructions."""

    def __init__(self, dim: int):
        self.rows = self.with_length = self.with_cosine = 0
        self.error = self.squares = self.guess = self.inner = self.relative = self.cosines = 0.0
        self.total = torch.zeros(dim, dtype=torch.float64)
        self.origin: Tensor | None = None

    def add(self, x: Float64[Tensor, "n d"], x_hat: Float64[Tensor, "n d"]) -> None:
        self._add_spread(x)
        error, length, guess = (values.square().sum(1) for values in (x - x_hat, x, x_hat))
        inner = (x * x_hat).sum(1)
        self.error += error.sum().item()
        self.guess += guess.sum().item()
        self.inner += inner.sum().item()
        some = length > 0
        self.with_length += int(some.sum())
        self.relative += (error[some] / length[some]).sum().item()
        both = some & (guess > 0)
        self.with_cosine += int(both.sum())
        # The root of the product, not the product of roots: for x_hat = x it is exactly |x|^2, and the cosine 1.
        self.cosines += (inner[both] / (length[both] * guess[both]).sqrt()).sum().item()

    def _add_spread(self, x: Float64[Tensor, "n d"]) -> None:
        # The variance does not depend on the origin. Seen from one of the rows, rows that are all alike have none
        # exactly, and rows far from zero lose no digits.
        self.origin = x[:1] if self.origin is None else self.origin
        self.rows += len(x)
        self.squares += (x - self.origin).square().sum().item()
        self.total += (x - self.origin).sum(0)

    def explained_variance(self) -> float:
        about_mean = self.squares - self.total.square().sum().item() / max(self.rows, 1)
        return 1 - self.error / about_mean if about_mean > 0 else math.nan


class _Fired:
    """Counts of the features that fire: rows for each feature, and rows for each number of features."""

    def __init__(self, width: int):
        self.rows = 0
        self.count = torch.zeros(width, dtype=torch.int64)
        self._by_l0 = torch.zeros(width + 1, dtype=torch.int64)

    def add(self, fires: Bool[Tensor, "n m"]) -> None:
        self.rows += len(fires)
        # In 32 bits, which a batch cannot overflow: summing truth values in 64 takes five times as long on a CPU.
        self.count += fires.sum(0, dtype=torch.int32).cpu()
        self._by_l0 += fires.sum(1, dtype=torch.int32).cpu().bincount(minlength=len(self._by_l0))

    def histogram(self) -> Int64[Tensor, " _"]:
        """Up to the largest number of features that was seen; empty without rows."""
        return self._by_l0[: int(self._by_l0.nonzero().amax()) + 1 if self.rows else 0].clone()


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan
