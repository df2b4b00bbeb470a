"""The second pass over the images: it accumulates statistics and yields every image's activations."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.atlas._coactivation import Coactivation
from visae.atlas._statistics import UnitStatistics
from visae.images import Batch, Images, batches, to_float
from visae.units import Units

_BATCH = 16  # images
_MAX_POSITIONS = 65536  # sampled from all images together, for coactivation and variance shares
_MAX_POSITIONS_PER_IMAGE = 64
# The purpose names the random stream. Another name would sample other positions and change every atlas's numbers.
_PURPOSE = "survey"


@dataclass(frozen=True, eq=False)
class ImageActivations:
    """One image and what fires in it.

    image:           index in the source.
    pixels:          RGB.
    maps:            how strongly the units of each population fire.
    reconstruction:  of the layer's maps, by the SAE.
    """

    image: int
    pixels: UInt8[Tensor, "3 s s"]
    maps: list[Float[Tensor, "_ h w"]]
    reconstruction: Float[Tensor, "c h w"]


@dataclass(frozen=True, eq=False)
class StatisticsPass:
    """A pass over images that fills `statistics`, one of each population, and `coactivation`, of all units together.

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
