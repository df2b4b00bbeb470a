"""The pass over the images that finds the examples of all units."""

from collections.abc import Sequence
from contextlib import closing

import torch
from jaxtyping import Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress, say
from visae._support.seeds import generator
from visae.examples._collector import Collector
from visae.examples._examples import DatasetExamples, Examples
from visae.images import Batch, Images, batches, to_float
from visae.units import Units

QUANTILES = (0.9, 0.75, 0.5, 0.25)
_IMAGES_A_BATCH = 16
_SKIPPED_SHOWN = 5


def strongest(
    populations: Sequence[Units], images: Images, count: int, margin: float = 0.0, per_image: int = 1
) -> list[Examples]:
    """The strongest examples of every unit of some populations of one network: `top` of what `find` finds."""
    return [found.top for found in find(populations, images, count, (), margin, per_image)]


def find(
    populations: Sequence[Units],
    images: Images,
    top: int = 8,
    quantiles: Sequence[float] = QUANTILES,
    margin: float = 0.0,
    per_image: int = 1,
    seed: int = 0,
) -> list[DatasetExamples]:
    """The dataset examples of every unit of some populations of one network, in one pass over the images.

    top:       the strongest positions to keep of each unit.
    quantiles: of a unit's activation, 0..1: of the values at its strongest positions in the images in which it fires.
               They are found in a sample of these, drawn uniformly and without replacement: those of the lowest
               priority, a random number of the seed and of the image's index alone, so that the sample does not depend
               on batches.
    margin:    px that the centre of what a position sees must be away from the image's border.
    per_image: how many of the strongest may be of one image.

    What is kept in memory does not grow with the number of images. Images that cannot be read are named and left out.

    Raises `VisaeError` for a count below 1, for a quantile that is none, for a margin that leaves no position, and
    where no image can be read.
    """
    _check(top, quantiles, per_image)
    collectors = [Collector(units, images.size, top, margin, per_image) for units in populations]
    skipped: list[tuple[int, str]] = []
    with Progress("examples", len(images), "images") as progress, closing(batches(images, _IMAGES_A_BATCH)) as reads:
        for batch in reads:
            _show(batch, images, _SKIPPED_SHOWN - len(skipped))
            skipped += batch.skipped
            if batch.indices:
                _look(collectors, batch, seed)
            progress.update(len(batch.indices) + len(batch.skipped))
    if len(skipped) == len(images):
        index, reason = skipped[0]
        raise VisaeError(f"none of the {len(images):,} images can be read; {images.key(index)}: {reason}")
    return [collector.found(quantiles, len(images), len(skipped)) for collector in collectors]


def _check(top: int, quantiles: Sequence[float], per_image: int) -> None:
    if top < 1:
        raise VisaeError(f"{top} examples of each unit; ask for at least 1")
    if per_image < 1:
        raise VisaeError(f"{per_image} examples of one image; ask for at least 1")
    for quantile in quantiles:
        if not 0 <= quantile <= 1:
            raise VisaeError(f"{quantile:g} is no quantile; give numbers from 0 to 1")


def _show(batch: Batch, images: Images, most: int) -> None:
    for index, reason in batch.skipped[: max(most, 0)]:
        say(f"examples: skipped {images.key(index)}: {reason}")


@torch.inference_mode()
def _look(collectors: Sequence[Collector], batch: Batch, seed: int) -> None:
    """Take a batch's images into account, in one forward pass."""
    network, index = collectors[0].units.network, torch.tensor(batch.indices)
    priority = torch.cat([_priority(seed, image) for image in batch.indices])
    layers = [*{collector.units.layer.name: None for collector in collectors}]
    maps = network.maps(to_float(batch.pixels, network.device), layers)
    for collector in collectors:
        collector.look(maps[collector.units.layer.name], index, priority)


def _priority(seed: int, image: int) -> Float64[Tensor, "1"]:
    return torch.rand(1, dtype=torch.float64, generator=generator(seed, "examples", image))
