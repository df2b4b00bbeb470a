"""What is kept of one population while the images pass."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae.examples._border import inside
from visae.examples._examples import DatasetExamples, Examples
from visae.examples._lowest import Lowest
from visae.examples._peaks import peaks
from visae.examples._pieces import in_pieces
from visae.examples._quantiles import at_quantiles
from visae.units import Units

MEMBERS = 64  # of each unit's sample: ranks have a standard error of 0.06 at most


class Collector:
    """The strongest positions of each unit so far, a sample, and in how many images it fires."""

    def __init__(self, units: Units, size: int, top: int, margin: float, per_image: int):
        self.units, self.size, self.margin, self.per_image = units, size, margin, min(per_image, top)
        self.top, self.sample = Lowest(len(units), top), Lowest(len(units), MEMBERS)
        self.fires = torch.zeros(len(units), dtype=torch.int64)
        self.width, self.first = 1, 0

    def look(self, maps: Float[Tensor, "b c h w"], index: Int64[Tensor, " b"], priority: Float64[Tensor, " b"]) -> None:
        """Take some images into account, by the maps of the layer; what is outside the margin is not even read."""
        self.width = maps.shape[3]
        self.first, last = inside(self.units.layer, self.width, self.size, self.margin)
        for some, read in in_pieces(self.units, maps[:, :, self.first : last, self.first : last]):
            self.take(read, index[some], priority[some])

    def take(self, maps: Float[Tensor, "b u h w"], index: Int64[Tensor, " b"], priority: Float64[Tensor, " b"]) -> None:
        """Take some images into account, by the units' maps inside the margin."""
        peak = maps.amax((2, 3)).T.cpu()
        self.fires += (peak > 0).sum(1)
        # Where each map is largest is looked up only for the few whose peaks are kept.
        wanted = self.top.wants(_by_strength(peak)) | self.sample.wants(_by_priority(peak, priority))
        value, place = peaks(maps, wanted, self.per_image)
        row, column = place // maps.shape[3] + self.first, place % maps.shape[3] + self.first
        place = row * self.width + column
        own = value[..., 0]
        self.sample.take(_by_priority(own, priority), own, index, place[..., 0])
        value, place, each = value.flatten(1), place.flatten(1), index.repeat_interleave(self.per_image)
        self.top.take(_by_strength(value), value, each, place)

    def found(self, quantiles: Sequence[float], images: int, skipped: int) -> DatasetExamples:
        """The examples, after the last image."""
        top = torch.where(self.top.there, self.top.image, -1)
        chosen, rank = at_quantiles(self.sample, top, quantiles)
        samples = self._examples(self.sample, chosen)
        every = torch.where(self.top.there, torch.arange(self.top.key.shape[1]), -1)
        counts = self.sample.there.sum(1), self.fires
        return DatasetExamples(self._examples(self.top, every), samples, rank, *counts, images - skipped, skipped)

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
