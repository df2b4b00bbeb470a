"""The second pass over the images: statistics of every unit, and every image's activations.

How often and how strongly units fire, how much variance they explain, and what fires together.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.atlas._coactivation import Coactivation
from visae.images import Batch, Images, batches, to_float
from visae.units import Units

BINS = 64  # a quarter of an octave each: sixteen octaves


class UnitStatistics:
    """Statistics of one population, accumulated over images.

    fires:      positions at which each unit is above zero, [u].
    positions:  total number of positions.
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
        """Count where and how strongly the units fire in a batch of images, given their maps."""
        self.positions += maps[:, 0].numel()
        for image in maps:
            unit, position = image.flatten(1).gt(0).nonzero(as_tuple=True)
            self.fires += torch.bincount(unit, minlength=len(self.units)).cpu()
            bins = (_quarter_octave(image.flatten(1)[unit, position]) - self._first_bin).clamp(0, BINS - 1)
            counts = torch.bincount(unit * BINS + bins, minlength=len(self.units) * BINS)
            self.histogram += counts.view(-1, BINS).cpu()

    def add_rows(self, x: Float[Tensor, "n c"], f: Float[Tensor, "n u"]) -> None:
        """Add a sample of the layer's rows, with the units' values there, to the variance shares."""
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


_BATCH = 16  # images
_MAX_POSITIONS = 65536  # sampled from all images together, for coactivation and variance shares
_MAX_POSITIONS_PER_IMAGE = 64
# Names the random stream. Another name would sample other positions and change every atlas's numbers.
_PURPOSE = "survey"


@dataclass(frozen=True, eq=False)
class ImageActivations:
    """One image and what fires in it.

    image:           index in the source.
    pixels:          RGB.
    maps:            how strongly the units of each population fire.
    reconstruction:  the SAE's reconstruction of the layer's maps.
    """

    image: int
    pixels: UInt8[Tensor, "3 s s"]
    maps: list[Float[Tensor, "_ h w"]]
    reconstruction: Float[Tensor, "c h w"]


@dataclass(frozen=True, eq=False)
class StatisticsPass:
    """A pass over images that fills `statistics`, one per population, and `coactivation`, over all units together.

    populations: the layer's neurons, then the features of an SAE over it.
    """

    populations: Sequence[Units]
    images: Images
    statistics: Sequence[UnitStatistics]
    coactivation: Coactivation
    seed: int

    def __iter__(self) -> Iterator[ImageActivations]:
        """Read every image once; skip those that cannot be read."""
        per_image = max(min(_MAX_POSITIONS_PER_IMAGE, _MAX_POSITIONS // len(self.images)), 1)
        reads = batches(self.images, _BATCH)
        with Progress("statistics", len(self.images), "images") as progress, closing(reads):
            for batch in reads:
                if batch.indices:
                    yield from self._process(batch, per_image)
                progress.update(len(batch.indices) + len(batch.skipped))

    @torch.inference_mode()
    def _process(self, batch: Batch, per_image: int) -> Iterator[ImageActivations]:
        network, layer = self.populations[0].network, self.populations[0].layer.name
        layer_maps = network.maps(to_float(batch.pixels, network.device), [layer])[layer]
        for index, image in enumerate(batch.indices):
            maps = layer_maps[index : index + 1].float()
            values = [units.read(maps) for units in self.populations]
            strengths = [strength(units, value) for units, value in zip(self.populations, values, strict=True)]
            for statistics, value in zip(self.statistics, strengths, strict=True):
                statistics.add(value)
            self._sample(maps, values, image, per_image)
            reconstruction = self.populations[-1].reconstruct(values[-1])
            yield ImageActivations(
                image, batch.pixels[index], [value[0].cpu() for value in strengths], reconstruction[0].cpu()
            )

    def _sample(self, maps: Tensor, values: Sequence[Tensor], image: int, per_image: int) -> None:
        """Add a random sample of one image's positions to the variance shares and to the coactivation."""
        draws = generator(self.seed, _PURPOSE, image)
        positions = torch.randperm(maps[0, 0].numel(), generator=draws)[:per_image].to(maps.device)
        x = maps[0].flatten(1)[:, positions].T
        sampled = [value[0].flatten(1)[:, positions].T for value in values]
        for statistics, f in zip(self.statistics, sampled, strict=True):
            statistics.add_rows(x, f)
        strengths = [strength(units, f).to(x.device) for units, f in zip(self.populations, sampled, strict=True)]
        self.coactivation.add(torch.cat(strengths, 1))


def strength(units: Units, values: Tensor) -> Tensor:
    """Return how strongly units fire: |f| for features, since some kinds are signed, and max(f, 0) for neurons."""
    return values.clamp_min(0) if units.sae is None else values.abs()
