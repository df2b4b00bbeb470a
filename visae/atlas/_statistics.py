"""What a pass over images says of every unit of a population: how often, how strongly, and how much it explains."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae.units import Units

BINS = 64  # four an octave: sixteen octaves


class Statistics:
    """Sums over the images so far.

    fires:      positions at which each unit is above zero, [u];  positions: all.
    histogram:  how many of these in each quarter of an octave, [u, BINS], from `edge(i)` to `edge(i + 1)`.
    share:      of the variance of the layer's rows, what each unit explains: Cov(f_i, d_i . x) / sum_j Var(x_j), with
                d_i its direction, of length 1, since values are of that length; of neurons, their own part of the
                variance. Attribution of all features sum to Cov(x_hat, x) / Var(x). From a sample of the positions.
    """

    def __init__(self, units: Units, largest: float):
        self.units, count = units, len(units)
        self.positions, self.fires = 0, torch.zeros(count, dtype=torch.int64)
        self.histogram = torch.zeros(count, BINS, dtype=torch.int64)
        self.first = _quarter(torch.tensor([max(largest, 1e-30)])).item() - BINS + 1
        self._directions = F.normalize(units.directions.cpu().double(), dim=1)
        self._rows = 0
        self._sums = torch.zeros(3, count, dtype=torch.float64)
        self._layer = torch.zeros(2, units.layer.channels, dtype=torch.float64)

    def add(self, maps: Float[Tensor, "b u h w"]) -> None:
        """Take the units' maps of some images into account."""
        self.positions += maps[:, 0].numel()
        for image in maps:
            unit, place = image.flatten(1).gt(0).nonzero(as_tuple=True)
            self.fires += torch.bincount(unit, minlength=len(self.units)).cpu()
            bins = (_quarter(image.flatten(1)[unit, place]) - self.first).clamp(0, BINS - 1)
            flat = torch.bincount(unit * BINS + bins, minlength=len(self.units) * BINS)
            self.histogram += flat.view(-1, BINS).cpu()

    def sample(self, x: Float[Tensor, "n c"], f: Float[Tensor, "n u"]) -> None:
        """Take rows of the layer into account, with the units' values there."""
        x, f = x.double().cpu(), f.double().cpu()
        along = x @ self._directions.T
        self._rows += len(x)
        self._sums += torch.stack([f.sum(0), along.sum(0), (f * along).sum(0)])
        self._layer += torch.stack([x.sum(0), x.square().sum(0)])

    @property
    def density(self) -> Float64[Tensor, " u"]:
        """The share of all positions at which each unit fires."""
        return self.fires.double() / self.positions

    @property
    def share(self) -> Float64[Tensor, " u"]:
        """See above; 0 for a layer that does not vary."""
        f, along, both = self._sums / self._rows
        mean, square = self._layer / self._rows
        total = (square - mean.square()).sum()
        return (both - f * along) / total if total > 0 else torch.zeros_like(f)

    def edge(self, place: int) -> float:
        """Where a bin of the histogram begins."""
        octave, quarter = divmod(place + self.first, 4)
        return float(2.0 ** (octave - 127) * (1 + quarter / 4))


def _quarter(values: Float[Tensor, " n"]) -> Int64[Tensor, " n"]:
    """The quarter of an octave that positive numbers lie in: the exponent and the first two bits after it."""
    return (values.contiguous().view(torch.int32) >> 21).long()
