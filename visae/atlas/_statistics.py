"""Running statistics of units over images: how often and how strongly they fire, and how much variance they explain."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae.units import Units

BINS = 64  # a quarter of an octave each: sixteen octaves


class UnitStatistics:
    """Statistics of one population, accumulated over images.

    fires:      positions at which each unit is above zero, [u].
    positions:  positions seen in all.
    histogram:  how many of the values above zero lie from `bin_edge(i)` to `bin_edge(i + 1)`, [u, BINS].
    """

    def __init__(self, units: Units, largest: float):
        """Set the bins so that `largest`, the largest value expected, falls into the last."""
        self.units, count = units, len(units)
        self.positions, self.fires = 0, torch.zeros(count, dtype=torch.int64)
        self.histogram = torch.zeros(count, BINS, dtype=torch.int64)
        self._first_bin = _quarter_octave(torch.tensor([max(largest, 1e-30)])).item() - BINS + 1
        self._directions = F.normalize(units.directions.cpu().double(), dim=1)
        self._rows = 0
        self._unit_sums = torch.zeros(3, count, dtype=torch.float64)
        self._layer_sums = torch.zeros(2, units.layer.channels, dtype=torch.float64)

    def add(self, maps: Float[Tensor, "b u h w"]) -> None:
        """Count where and how strongly the units fire in some images, given their maps."""
        self.positions += maps[:, 0].numel()
        for image in maps:
            unit, position = image.flatten(1).gt(0).nonzero(as_tuple=True)
            self.fires += torch.bincount(unit, minlength=len(self.units)).cpu()
            bins = (_quarter_octave(image.flatten(1)[unit, position]) - self._first_bin).clamp(0, BINS - 1)
            counts = torch.bincount(unit * BINS + bins, minlength=len(self.units) * BINS)
            self.histogram += counts.view(-1, BINS).cpu()

    def add_rows(self, x: Float[Tensor, "n c"], f: Float[Tensor, "n u"]) -> None:
        """Add a sample of the layer's rows, with the units' values there, to the variance share."""
        x, f = x.double().cpu(), f.double().cpu()
        projection = x @ self._directions.T
        self._rows += len(x)
        self._unit_sums += torch.stack([f.sum(0), projection.sum(0), (f * projection).sum(0)])
        self._layer_sums += torch.stack([x.sum(0), x.square().sum(0)])

    @property
    def density(self) -> Float64[Tensor, " u"]:
        """The share of all positions at which each unit fires."""
        return self.fires.double() / self.positions

    @property
    def variance_share(self) -> Float64[Tensor, " u"]:
        """The share of the layer's variance that each unit explains: Cov(f_i, d_i . x) / sum_j Var(x_j).

        d_i is the unit's direction, normalised, since values carry its length. The shares of all features sum to
        Cov(x_hat, x) / Var(x); a neuron's is its own part of the variance. 0 for a layer that does not vary.
        """
        f, projection, product = self._unit_sums / self._rows
        mean, square = self._layer_sums / self._rows
        total = (square - mean.square()).sum()
        return (product - f * projection) / total if total > 0 else torch.zeros_like(f)

    def bin_edge(self, index: int) -> float:
        """Return the lower edge of a bin of the histogram."""
        octave, quarter = divmod(index + self._first_bin, 4)
        return float(2.0 ** (octave - 127) * (1 + quarter / 4))


def _quarter_octave(values: Float[Tensor, " n"]) -> Int64[Tensor, " n"]:
    """Return the quarter of an octave of positive float32s: their exponent and the first two bits of the mantissa."""
    return (values.contiguous().view(torch.int32) >> 21).long()
