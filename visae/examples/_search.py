"""Searching all images for the examples of all units, in one pass."""

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
from visae.networks import Layer
from visae.units import Units

QUANTILES = (0.9, 0.75, 0.5, 0.25)
_BATCH = 16  # images
_SKIPPED_SHOWN = 5


def strongest(
    populations: Sequence[Units], images: Images, count: int, margin: float = 0.0, per_image: int = 1
) -> list[Examples]:
    """Find the strongest examples of every unit of each population: `top` of `find_examples`, without quantiles."""
    return [examples.top for examples in find_examples(populations, images, count, (), margin, per_image)]


def find_examples(
    populations: Sequence[Units],
    images: Images,
    top: int = 8,
    quantiles: Sequence[float] = QUANTILES,
    margin: float = 0.0,
    per_image: int = 1,
    seed: int = 0,
) -> list[DatasetExamples]:
    """Find the dataset examples of every unit of populations of one network, in one pass over the images.

    top:       number of strongest positions to keep per unit.
    quantiles: 0..1, of a unit's activation: its values at the strongest position of each image in which it fires.
               Estimated from a sample of these images, drawn uniformly without replacement: those with the lowest
               priority, a random number that depends only on the seed and the image's index, so that batching does not
               change the sample.
    margin:    minimum distance in px from the image's border to the centre of a position's receptive field.
    per_image: maximum number of positions from one image.

    Memory does not grow with the number of images. Images that cannot be read are reported and left out.

    Raises `VisaeError` for a count below 1, a quantile outside 0..1, a margin that leaves no position, and if no image
    can be read.
    """
    _check(top, quantiles, per_image)
    collectors = [Collector(units, images.size, top, margin, per_image) for units in populations]
    skipped: list[tuple[int, str]] = []
    with Progress("examples", len(images), "images") as progress, closing(batches(images, _BATCH)) as reads:
        for batch in reads:
            _report_skipped(batch, images, _SKIPPED_SHOWN - len(skipped))
            skipped += batch.skipped
            if batch.indices:
                _collect(collectors, batch, seed)
            progress.update(len(batch.indices) + len(batch.skipped))
    if len(skipped) == len(images):
        index, reason = skipped[0]
        raise VisaeError(f"none of the {len(images):,} images can be read; {images.key(index)}: {reason}")
    return [collector.result(quantiles, len(images), len(skipped)) for collector in collectors]


def border_margin(layer: Layer, images: Images) -> float:
    """Return the margin, in px, within which receptive fields lie inside the image; at most a quarter of its side."""
    return min((layer.receptive_field - 1) / 2, images.size / 4)


def _check(top: int, quantiles: Sequence[float], per_image: int) -> None:
    if top < 1:
        raise VisaeError(f"{top} examples per unit; ask for at least 1")
    if per_image < 1:
        raise VisaeError(f"{per_image} examples per image; ask for at least 1")
    for quantile in quantiles:
        if not 0 <= quantile <= 1:
            raise VisaeError(f"{quantile:g} is not a quantile; give numbers from 0 to 1")


def _report_skipped(batch: Batch, images: Images, most: int) -> None:
    for index, reason in batch.skipped[: max(most, 0)]:
        say(f"examples: skipped {images.key(index)}: {reason}")


@torch.inference_mode()
def _collect(collectors: Sequence[Collector], batch: Batch, seed: int) -> None:
    """Pass a batch of images to all collectors, after one forward pass."""
    network, index = collectors[0].units.network, torch.tensor(batch.indices)
    priority = torch.cat([_priority(seed, image) for image in batch.indices])
    layers = [*{collector.units.layer.name: None for collector in collectors}]
    maps = network.maps(to_float(batch.pixels, network.device), layers)
    for collector in collectors:
        collector.add_maps(maps[collector.units.layer.name], index, priority)


def _priority(seed: int, image: int) -> Float64[Tensor, "1"]:
    return torch.rand(1, dtype=torch.float64, generator=generator(seed, "examples", image))
