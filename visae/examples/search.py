"""The pass over the images that finds the examples of all units."""

from collections.abc import Sequence
from contextlib import closing

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae.activations.filling import as_images
from visae.errors import VisaeError
from visae.examples.border import inside
from visae.examples.found import Examples, Found
from visae.examples.lowest import Lowest
from visae.examples.peaks import peaks
from visae.examples.pieces import in_pieces
from visae.examples.quantiles import at_quantiles
from visae.images import Batch, Images, batches
from visae.progress import Progress, say
from visae.seeds import generator
from visae.units import Units

QUANTILES = (0.9, 0.75, 0.5, 0.25)
MEMBERS = 64  # of each unit's sample: ranks have a standard error of 0.06 at most
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
) -> list[Found]:
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
    searches = [_Search(units, images.size, top, margin, per_image) for units in populations]
    skipped: list[tuple[int, str]] = []
    with Progress("examples", len(images), "images") as progress, closing(batches(images, _IMAGES_A_BATCH)) as reads:
        for batch in reads:
            _show(batch, images, _SKIPPED_SHOWN - len(skipped))
            skipped += batch.skipped
            if batch.indices:
                _look(searches, batch, seed)
            progress.update(len(batch.indices) + len(batch.skipped))
    if len(skipped) == len(images):
        index, reason = skipped[0]
        raise VisaeError(f"none of the {len(images):,} images can be read; {images.key(index)}: {reason}")
    return [search.found(quantiles, len(images), len(skipped)) for search in searches]


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
def _look(searches: Sequence["_Search"], batch: Batch, seed: int) -> None:
    """Take a batch's images into account, in one forward pass."""
    network, index = searches[0].units.network, torch.tensor(batch.indices)
    priority = torch.cat([_priority(seed, image) for image in batch.indices])
    layers = [*{search.units.layer.name: None for search in searches}]
    maps = network.maps(as_images(batch.pixels, network.device), layers)
    for search in searches:
        for some, read in in_pieces(search.units, maps[search.units.layer.name]):
            search.take(read, index[some], priority[some])


def _priority(seed: int, image: int) -> Float64[Tensor, "1"]:
    return torch.rand(1, dtype=torch.float64, generator=generator(seed, "examples", image))


class _Search:
    """What is known so far of one population: its strongest positions, a sample, and in how many images units fire."""

    def __init__(self, units: Units, size: int, top: int, margin: float, per_image: int):
        self.units, self.size, self.margin, self.per_image = units, size, margin, min(per_image, top)
        self.top, self.sample = Lowest(len(units), top), Lowest(len(units), MEMBERS)
        self.fires = torch.zeros(len(units), dtype=torch.int64)
        self.width = 1

    def take(self, maps: Float[Tensor, "b u h w"], index: Int64[Tensor, " b"], priority: Float64[Tensor, " b"]) -> None:
        """Take some images' maps into account."""
        self.width = maps.shape[3]
        first, last = inside(self.units.layer, self.width, self.size, self.margin)
        maps = maps[:, :, first:last, first:last]
        peak = maps.amax((2, 3)).T.cpu()
        self.fires += (peak > 0).sum(1)
        # Where each map is largest is looked up only for the few whose peaks are kept.
        wanted = self.top.wants(_by_strength(peak)) | self.sample.wants(_by_priority(peak, priority))
        value, place = peaks(maps, wanted, self.per_image)
        place = (place // (last - first) + first) * self.width + place % (last - first) + first
        own = value[..., 0]
        self.sample.take(_by_priority(own, priority), own, index, place[..., 0])
        value, place, each = value.flatten(1), place.flatten(1), index.repeat_interleave(self.per_image)
        self.top.take(_by_strength(value), value, each, place)

    def found(self, quantiles: Sequence[float], images: int, skipped: int) -> Found:
        """The examples, after the last image."""
        top = torch.where(self.top.there, self.top.image, -1)
        chosen, rank = at_quantiles(self.sample, top, quantiles)
        samples = self._examples(self.sample, chosen)
        every = torch.where(self.top.there, torch.arange(self.top.key.shape[1]), -1)
        counts = self.sample.there.sum(1), self.fires
        return Found(self._examples(self.top, every), samples, rank, *counts, images - skipped, skipped)

    def _examples(self, kept: Lowest, chosen: Int64[Tensor, "u k"]) -> Examples:
        """The chosen of what was kept; nothing where the choice is -1."""
        value, image, place = (
            of.gather(1, chosen.clamp_min(0)) * (chosen >= 0) for of in (kept.value, kept.image, kept.place)
        )
        return Examples(self.units.layer, value, image, place // self.width, place % self.width)


def _by_strength(value: Float[Tensor, "*s"]) -> Float64[Tensor, "*s"]:
    """Keys under which the strongest come first, and what does not fire not at all."""
    return torch.where(value > 0, -value.double(), torch.inf)


def _by_priority(value: Float[Tensor, "u b"], priority: Float64[Tensor, " b"]) -> Float64[Tensor, "u b"]:
    return torch.where(value > 0, priority, torch.inf)
