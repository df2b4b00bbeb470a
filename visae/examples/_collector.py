"""Collecting each unit's strongest positions, and a sample for its quantiles, in a pass over images."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.examples._examples import DatasetExamples, Examples
from visae.networks import Layer
from visae.units import Units

MEMBERS = 64  # size of each unit's sample: ranks have a standard error of 0.06 at most
# Reading a whole batch at once would allocate fresh memory each time, which costs as much as the read itself.
_IMAGES_PER_CHUNK = 4


class Collector:
    """The strongest positions of each unit so far, a sample of images in which it fires, and their number.

    top:       positions to keep per unit.
    margin:    minimum distance from the border to the centre of a position's receptive field, px.
    per_image: maximum number of positions from one image.
    """

    def __init__(self, units: Units, size: int, top: int, margin: float, per_image: int):
        self.units, self.size, self.margin, self.per_image = units, size, margin, min(per_image, top)
        self.top, self.sample = BoundedQueues(len(units), top), BoundedQueues(len(units), MEMBERS)
        self.fires = torch.zeros(len(units), dtype=torch.int64)
        self.map_width, self.first = 1, 0

    def add_maps(
        self, maps: Float[Tensor, "b c h w"], index: Int64[Tensor, " b"], priority: Float64[Tensor, " b"]
    ) -> None:
        """Add images, given the layer's maps; positions outside the margin are not read.

        index:    index of each image in its source.
        priority: the images with the lowest priorities form the sample.
        """
        self.map_width = maps.shape[3]
        self.first, end = range_inside(self.units.layer, self.map_width, self.size, self.margin)
        for chunk, responses in read_in_chunks(self.units, maps[:, :, self.first : end, self.first : end]):
            self._add(responses, index[chunk], priority[chunk])

    def _add(
        self, responses: Float[Tensor, "b u h w"], index: Int64[Tensor, " b"], priority: Float64[Tensor, " b"]
    ) -> None:
        """Add images, given the units' maps inside the margin."""
        peak = responses.amax((2, 3)).T.cpu()
        self.fires += (peak > 0).sum(1)
        # Locating a maximum is slower than computing it, so only do it for the few maps whose peaks are kept.
        kept = self.top.admits(_strength_key(peak)) | self.sample.admits(_priority_key(peak, priority))
        value, position = find_peaks(responses, kept, self.per_image)
        row, column = position // responses.shape[3] + self.first, position % responses.shape[3] + self.first
        position = row * self.map_width + column
        best = value[..., 0]
        self.sample.push(_priority_key(best, priority), best, index, position[..., 0])
        value, position = value.flatten(1), position.flatten(1)
        self.top.push(_strength_key(value), value, index.repeat_interleave(self.per_image), position)

    def result(self, quantiles: Sequence[float], images: int, skipped: int) -> DatasetExamples:
        """Return the examples, after the last image."""
        top_images = torch.where(self.top.occupied, self.top.image, -1)
        chosen, rank = choose_at_quantiles(self.sample, top_images, quantiles)
        samples = self._examples(self.sample, chosen)
        all_top = torch.where(self.top.occupied, torch.arange(self.top.key.shape[1]), -1)
        counts = self.sample.occupied.sum(1), self.fires
        return DatasetExamples(self._examples(self.top, all_top), samples, rank, *counts, images - skipped, skipped)

    def _examples(self, queues: "BoundedQueues", chosen: Int64[Tensor, "u k"]) -> Examples:
        """Gather chosen entries; zeros where the choice is -1."""
        value, image, position = (
            field.gather(1, chosen.clamp_min(0)) * (chosen >= 0)
            for field in (queues.value, queues.image, queues.position)
        )
        return Examples(self.units.layer, value, image, position // self.map_width, position % self.map_width)


class BoundedQueues:
    """Bounded priority queues, one per unit: each keeps the `capacity` entries with the lowest keys, lowest first.

    Ties go to the entry pushed first. Entries with an infinite key are dropped. Keys that decrease with strength keep
    the strongest; random keys keep a uniform sample without replacement (a reservoir).

    key:      [u, k].
    value:    response.
    image:    index in the source.
    position: row * width + column in the map.
    """

    def __init__(self, units: int, capacity: int):
        self.key: Float64[Tensor, "u k"] = torch.full((units, capacity), torch.inf, dtype=torch.float64)
        self.value: Float[Tensor, "u k"] = torch.zeros(units, capacity)
        self.image: Int64[Tensor, "u k"] = torch.zeros(units, capacity, dtype=torch.int64)
        self.position: Int64[Tensor, "u k"] = torch.zeros(units, capacity, dtype=torch.int64)

    @property
    def occupied(self) -> Bool[Tensor, "u k"]:
        """Which slots hold an entry."""
        return self.key < torch.inf

    def admits(self, key: Float64[Tensor, "u n"]) -> Bool[Tensor, "u n"]:
        """Return which keys are below the last in their unit's queue: no others can enter."""
        return key < self.key[:, -1:]

    def push(
        self,
        key: Float64[Tensor, "u n"],
        value: Float[Tensor, "u n"],
        image: Int64[Tensor, " n"],
        position: Int64[Tensor, "u n"],
    ) -> None:
        """Insert the entries whose keys are low enough."""
        changed = self.admits(key).any(1).nonzero()[:, 0]
        keys = torch.cat([self.key[changed], key[changed]], 1)
        order = keys.argsort(dim=1, stable=True)[:, : self.key.shape[1]]
        self.key[changed] = keys.gather(1, order)
        pushed = {"value": value[changed], "image": image.expand(len(changed), -1), "position": position[changed]}
        for name, new in pushed.items():
            kept = getattr(self, name)
            kept[changed] = torch.cat([kept[changed], new], 1).gather(1, order)


def range_inside(layer: Layer, count: int, size: int, margin: float) -> tuple[int, int]:
    """Return the range [first, end) of rows (or columns) whose centres lie at least `margin` px from the border.

    Raises `VisaeError` if images of `size` px have none among their `count` rows.
    """
    inside = [index for index in range(count) if margin <= layer.centre(index) <= size - 1 - margin]
    if not inside:
        raise VisaeError(
            f"no position of {layer.name} is {margin:g} px or more from the border of images of {size} px; "
            "give larger images"
        )
    return inside[0], inside[-1] + 1


def read_in_chunks(units: Units, maps: Float[Tensor, "b c h w"]) -> Iterator[tuple[slice, Float[Tensor, "_ u h w"]]]:
    """Compute the units' maps from the layer's, a few images at a time; yield each slice of images and its maps."""
    for first in range(0, len(maps), _IMAGES_PER_CHUNK):
        images = slice(first, first + _IMAGES_PER_CHUNK)
        yield images, units.read(maps[images]).float()


def find_peaks(
    maps: Float[Tensor, "b u h w"], selected: Bool[Tensor, "u b"], count: int
) -> tuple[Float[Tensor, "u b k"], Int64[Tensor, "u b k"]]:
    """Return the `count` largest values of the selected maps, largest first, and their positions; 0 elsewhere."""
    value = torch.zeros(*selected.shape, count)
    position = torch.zeros(*selected.shape, count, dtype=torch.int64)
    unit, image = selected.nonzero(as_tuple=True)
    remaining = maps[image.to(maps.device), unit.to(maps.device)].flatten(1)
    for index in range(count):
        largest, where = remaining.max(1)
        value[unit, image, index], position[unit, image, index] = largest.cpu(), where.cpu()
        remaining.scatter_(1, where[:, None], -torch.inf)
    return value, position


def choose_at_quantiles(
    members: BoundedQueues, top_images: Int64[Tensor, "u k"], quantiles: Sequence[float]
) -> tuple[Int64[Tensor, "u q"], Float[Tensor, "u q"]]:
    """Choose for each unit the members at the quantiles, high to low; return their indices and ranks, -1 and 0 if none.

    The j-th smallest of n members has rank j / (n + 1). Each quantile gets the member with the nearest rank below the
    previous choice whose image is not in `top_images`; ties go to the lower rank.
    """
    chosen = torch.full((len(top_images), len(quantiles)), -1)
    rank = torch.zeros(len(top_images), len(quantiles))
    descending = sorted(quantiles, reverse=True)
    counts, ascending = members.occupied.sum(1).tolist(), members.value.argsort(dim=1, stable=True)
    images, excluded = members.image.gather(1, ascending).tolist(), top_images.tolist()
    for unit, count in enumerate(counts):
        # Empty slots have value 0 and sort first.
        empty = len(images[unit]) - count
        free = [j for j, image in enumerate(images[unit][empty:], 1) if image not in excluded[unit]]
        for index, j in enumerate(_nearest_below(free, [quantile * (count + 1) for quantile in descending])):
            chosen[unit, index], rank[unit, index] = ascending[unit, empty + j - 1], j / (count + 1)
    return chosen, rank


def _nearest_below(free: Sequence[int], targets: Sequence[float]) -> list[int]:
    """For each of the descending targets, choose the nearest free number below the previous choice, until none is left.

    `free` ascends, so that ties go to the lower number.
    """
    chosen: list[int] = []
    for target in targets:
        below = [j for j in free if not chosen or j < chosen[-1]]
        if not below:
            break
        chosen.append(min(below, key=lambda j: abs(j - target)))
    return chosen


def _strength_key(value: Float[Tensor, "*s"]) -> Float64[Tensor, "*s"]:
    """Keys that order by strength, strongest first; infinite where a unit does not fire."""
    return torch.where(value > 0, -value.double(), torch.inf)


def _priority_key(value: Float[Tensor, "u b"], priority: Float64[Tensor, " b"]) -> Float64[Tensor, "u b"]:
    """The images' priorities; infinite where a unit does not fire."""
    return torch.where(value > 0, priority, torch.inf)
