"""Which features a neuron is made of: how much of its variance each explains."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae import SAE

Batches = Callable[[], Iterable[Float[Tensor, "_ d"]]]


@dataclass(frozen=True, eq=False)
class Attribution:
    """How features make up neurons, over a set of rows.

    What feature i adds to neuron j is c_ij = f_i D_ij, its value times its weight in raw activations.

    share:    [m, d], Cov(c_ij, x_j) / Var(x_j); those of a neuron sum to Cov(x_hat_j, x_j) / Var(x_j), which is 1 for a
              perfect reconstruction. 0 for a neuron that does not vary.
    alone:    [m, d], 1 - Var(x_j - c_ij) / Var(x_j), how much of its variance the feature explains by itself; below 0
              where it adds more than it explains. 0 for a neuron that does not vary.
    weight:   [m, d], D.
    """

    share: Float64[Tensor, "m d"]
    alone: Float64[Tensor, "m d"]
    weight: Float64[Tensor, "m d"]

    def largest(self, neuron: int, least: float) -> list[int]:
        """The features with at least this share of a neuron's variance, the largest first."""
        order = self.share[:, neuron].argsort(descending=True)
        return [int(unit) for unit in order if self.share[unit, neuron] >= least]


@torch.inference_mode()
def attribution(sae: SAE, batches: Batches) -> Attribution:
    """The attribution of every feature in every neuron, in one pass over the rows; sums in float64."""
    weight = sae.directions.cpu().double()
    m, d = weight.shape
    count = 0
    f_sum, f_square = torch.zeros(2, m, dtype=torch.float64)
    x_sum, x_square = torch.zeros(2, d, dtype=torch.float64)
    together = torch.zeros(m, d, dtype=torch.float64)
    for x in batches():
        f = sae.encode(x).cpu().double()
        x = x.cpu().double()
        count += len(x)
        f_sum += f.sum(0)
        f_square += f.square().sum(0)
        x_sum += x.sum(0)
        x_square += x.square().sum(0)
        together += f.T @ x
    if not count:
        raise VisaeError("there are no rows to tell what neurons are made of; give at least one")
    covariance = together / count - f_sum[:, None] / count * (x_sum / count)
    variance = x_square / count - (x_sum / count).square()
    varies = variance > 1e-12 * (x_square / count)
    share = torch.where(varies, covariance * weight / variance, 0.0)
    added = (f_square / count - (f_sum / count).square())[:, None] * weight.square()
    return Attribution(share, torch.where(varies, 2 * share - added / variance, 0.0), weight)


@torch.inference_mode()
def explained(sae: SAE, batches: Batches, neuron: int, units: Sequence[int]) -> list[float]:
    """Share of a neuron's variance that the first, the first two, ... of some features explain together.

    1 - Var(x_j - sum c_ij) / Var(x_j); below zero where features add more than they explain.
    """
    weight = sae.directions.cpu().double()[list(units), neuron]
    moments = torch.zeros(len(units) + 1, len(units) + 1, dtype=torch.float64)
    sums, count = torch.zeros(len(units) + 1, dtype=torch.float64), 0
    for x in batches():
        parts = torch.cat([sae.encode(x).cpu().double()[:, list(units)] * weight, x[:, neuron, None].cpu().double()], 1)
        moments += parts.T @ parts
        sums += parts.sum(0)
        count += len(x)
    covariance = moments / count - torch.outer(sums, sums) / count**2
    total = covariance[-1, -1].item()
    found = []
    for size in range(1, len(units) + 1):
        left = total - 2 * covariance[:size, -1].sum().item() + covariance[:size, :size].sum().item()
        found.append(1 - left / total)
    return found
