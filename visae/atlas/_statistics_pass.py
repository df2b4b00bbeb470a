"""The second pass over the images: statistics of every unit, and what is shown of each image."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.atlas._coactivation import Coactivation
from visae.atlas._statistics import Statistics
from visae.images import Batch, Images, batches, to_float
from visae.units import Units

_IMAGES_A_BATCH = 16
_POSITIONS = 65536  # of all images together, for what fires together and what explains how much
_MOST = 64  # of one image


@dataclass(frozen=True, eq=False)
class Look:
    """One image.

    image:    index in the source.  pixels: RGB.  maps: how strongly each population fires, [u, h, w].
    rebuilt:  the reconstruction of the layer's maps, [c, h, w].
    """

    image: int
    pixels: UInt8[Tensor, "3 s s"]
    maps: list[Float[Tensor, "_ h w"]]
    rebuilt: Float[Tensor, "c h w"]


@dataclass(frozen=True, eq=False)
class StatisticsPass:
    """A pass over images that gathers `statistics` of each population, and which units fire `together`, in all.

    populations: the layer's neurons, and the features of an SAE over it.
    """

    populations: Sequence[Units]
    images: Images
    statistics: list[Statistics]
    together: Coactivation
    seed: int

    def looks(self) -> Iterator[Look]:
        """Every image that can be read, once."""
        per_image = max(min(_MOST, _POSITIONS // len(self.images)), 1)
        reads = batches(self.images, _IMAGES_A_BATCH)
        with Progress("statistics_pass", len(self.images), "images") as progress, closing(reads):
            for batch in reads:
                yield from self._look(batch, per_image) if batch.indices else ()
                progress.update(len(batch.indices) + len(batch.skipped))

    @torch.inference_mode()
    def _look(self, batch: Batch, per_image: int) -> Iterator[Look]:
        network, layer = self.populations[0].network, self.populations[0].layer.name
        every = network.maps(to_float(batch.pixels, network.device), [layer])[layer]
        for place, image in enumerate(batch.indices):
            maps = every[place : place + 1].float()
            read = [units.read(maps) for units in self.populations]
            strong = [strength(units, values) for units, values in zip(self.populations, read, strict=True)]
            for statistics, values in zip(self.statistics, strong, strict=True):
                statistics.add(values)
            self._sample(maps, read, image, per_image)
            rebuilt = self.populations[-1].reconstruct(read[-1])
            yield Look(image, batch.pixels[place], [of[0].cpu() for of in strong], rebuilt[0].cpu())

    def _sample(self, maps: Tensor, read: Sequence[Tensor], image: int, per_image: int) -> None:
        draws = generator(self.seed, "statistics_pass", image)
        places = torch.randperm(maps[0, 0].numel(), generator=draws)[:per_image].to(maps.device)
        x = maps[0].flatten(1)[:, places].T
        values = [of[0].flatten(1)[:, places].T for of in read]
        for statistics, f in zip(self.statistics, values, strict=True):
            statistics.sample(x, f)
        strong = [strength(units, f).to(x.device) for units, f in zip(self.populations, values, strict=True)]
        self.together.add(torch.cat(strong, 1))


def strength(units: Units, values: Tensor) -> Tensor:
    """How strongly units fire: features of some kinds are signed and write either way; neurons fire above zero."""
    return values.clamp_min(0) if units.sae is None else values.abs()
