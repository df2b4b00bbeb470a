"""Attribution: which features make up a neuron, and whether they are the planted ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._matching import match
from visae.metrics._recovery import MATCHED
from visae.sae import SAE


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much features contribute to neurons, over a set of rows.

    Feature i contributes c_ij = f_i D_ij to neuron j: its value times its weight, in raw activations.

    share:    [m, d], Cov(c_ij, x_j) / Var(x_j). The shares of a neuron sum to Cov(x_hat_j, x_j) / Var(x_j), which is 1
              for a perfect reconstruction and 0 for the mean. 0 for a neuron that does not vary.
    alone:    [m, d], 1 - Var(x_j - c_ij) / Var(x_j), up to 1: the fraction of the neuron's variance that the feature
              explains alone; negative where it adds more than it explains. 0 for a neuron that does not vary.
    weight:   [m, d], D.
    """

    share: Float64[Tensor, "m d"]
    alone: Float64[Tensor, "m d"]
    weight: Float64[Tensor, "m d"]

    def largest(self, neuron: int, min_share: float) -> list[int]:
        """Return the features with at least this share of a neuron's variance, largest first."""
        order = self.share[:, neuron].argsort(descending=True)
        return [int(unit) for unit in order if self.share[unit, neuron] >= min_share]


@torch.inference_mode()
def attribution(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Attribution:
    """Attribute every neuron's variance to features, in one pass over batches of rows; sums in float64.

    Raises `VisaeError` if there are no rows.
    """
    weight = sae.directions.cpu().double()
    m, d = weight.shape
    count = 0
    f_sum, f_square = torch.zeros(2, m, dtype=torch.float64)
    x_sum, x_square = torch.zeros(2, d, dtype=torch.float64)
    products = torch.zeros(m, d, dtype=torch.float64)
    for x in batches:
        f = sae.encode(x).cpu().double()
        x = x.cpu().double()
        count += len(x)
        f_sum += f.sum(0)
        f_square += f.square().sum(0)
        x_sum += x.sum(0)
        x_square += x.square().sum(0)
        products += f.T @ x
    if not count:
        raise VisaeError("no rows to attribute neurons over; give at least one")
    covariance = products / count - f_sum[:, None] / count * (x_sum / count)
    variance = x_square / count - (x_sum / count).square()
    varies = variance > 1e-12 * (x_square / count)
    share = torch.where(varies, covariance * weight / variance, 0.0)
    added = (f_square / count - (f_sum / count).square())[:, None] * weight.square()
    return Attribution(share, torch.where(varies, 2 * share - added / variance, 0.0), weight)


@torch.inference_mode()
def variance_explained(
    sae: SAE, batches: Iterable[Float[Tensor, "_ d"]], neuron: int, units: Sequence[int]
) -> list[float]:
    """Fraction of a neuron's variance that the first, the first two, ... of some features explain together.

    1 - Var(x_j - sum c_ij) / Var(x_j), up to 1; negative where features add more than they explain.
    """
    weight = sae.directions.cpu().double()[list(units), neuron]
    products = torch.zeros(len(units) + 1, len(units) + 1, dtype=torch.float64)
    sums, count = torch.zeros(len(units) + 1, dtype=torch.float64), 0
    for x in batches:
        contributions = sae.encode(x).cpu().double()[:, list(units)] * weight
        values = torch.cat([contributions, x[:, neuron, None].cpu().double()], 1)
        products += values.T @ values
        sums += values.sum(0)
        count += len(x)
    covariance = products / count - torch.outer(sums, sums) / count**2
    total = covariance[-1, -1].item()
    explained = []
    for size in range(1, len(units) + 1):
        residual = total - 2 * covariance[:size, -1].sum().item() + covariance[:size, :size].sum().item()
        explained.append(1 - residual / total)
    return explained


@dataclass(frozen=True)
class Constituents:
    """Agreement of attributed features with planted ones, over all neurons; 1 for the truth itself.

    A feature is listed for a neuron if it has at least some share of the neuron's variance.

    precision: fraction of the listed features that are planted features which write to that neuron, from 0 to 1.
    recall:    fraction of the planted features that write to a neuron which are listed for it, from 0 to 1.

    NaN if nothing is listed, or nothing planted.
    """

    precision: float
    recall: float


def constituents(
    attributed: Attribution, directions: Float[Tensor, "m d"], truth: Float[Tensor, "f d"], min_share: float
) -> Constituents:
    """Compare the features with a share of at least `min_share` of each neuron's variance with the planted ones.

    directions: the features' directions. A feature counts as a planted one if it is matched to it (see `match`) with a
    cosine of at least 0.9.
    truth:      directions of the planted features, which write to the neurons where they are not zero.
    """
    pairs = zip(*(column.tolist() for column in match(truth, directions)), strict=True)
    partner = {unit: planted for planted, unit, cosine in pairs if cosine >= MATCHED}
    hits = listed = written = 0
    for neuron in range(truth.shape[1]):
        units = attributed.largest(neuron, min_share)
        writers = set(truth[:, neuron].nonzero().flatten().tolist())
        hits += sum(partner.get(unit) in writers for unit in units)
        listed, written = listed + len(units), written + len(writers)
    return Constituents(_ratio(hits, listed), _ratio(hits, written))


def _ratio(part: int, total: int) -> float:
    return part / total if total else float("nan")
