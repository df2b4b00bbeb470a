"""Dataset examples: where in which images units fire most."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.errors import VisaeError
from visae.images import Images, batches
from visae.progress import Progress
from visae.units import Units, read_all
from visae.zoo.layers import Layer

_IMAGES_A_BATCH = 16


@dataclass(frozen=True, eq=False)
class Examples:
    """The strongest position of each unit in each of the `k` images in which it fires most, the strongest first.

    value:       the response, 0 where a unit fires in fewer images than that.
    image:       index in the source.
    row, column: of the layer's map.
    """

    layer: Layer
    value: Float[Tensor, "u k"]
    image: Int64[Tensor, "u k"]
    row: Int64[Tensor, "u k"]
    column: Int64[Tensor, "u k"]

    def of(self, unit: int) -> list[tuple[int, int, int]]:
        """The examples of one unit as (image, row, column), the strongest first; fewer if it fires in fewer images."""
        count = int((self.value[unit] > 0).sum())
        places = torch.stack([self.image[unit], self.row[unit], self.column[unit]], 1)[:count]
        return [(image, row, column) for image, row, column in places.tolist()]


def joined_examples(one: Examples, other: Examples) -> Examples:
    """Those of two populations as those of one, as `visae.units.joined` makes of them; as many of each unit."""
    names = ("value", "image", "row", "column")
    return Examples(one.layer, *(torch.cat([getattr(one, name), getattr(other, name)]) for name in names))


def clear_of_border(layer: Layer, images: Images) -> float:
    """The margin at which what a position sees lies inside the image; of small images, a quarter of their side."""
    return min((layer.receptive_field - 1) / 2, images.size / 4)


@torch.inference_mode()
def strongest(populations: Sequence[Units], images: Images, count: int, margin: float = 0.0) -> list[Examples]:
    """The dataset examples of every unit of some populations of one network, in one pass over the images.

    count:   images for each unit, of each of which the strongest position is kept. What is kept in memory does not
             grow with the number of images.
    margin:  px that the centre of what a position sees must be away from the image's border.

    Raises `VisaeError` for a count below 1, and for a margin that leaves no position.
    """
    if count < 1:
        raise VisaeError(f"{count} examples of each unit; ask for at least 1")
    kept = [_Kept.empty(units, count) for units in populations]
    with Progress("examples", len(images), "images") as progress:
        for batch in batches(images, _IMAGES_A_BATCH):
            if batch.indices:
                index = torch.tensor(batch.indices)
                for of, maps in zip(kept, read_all(populations, batch.pixels.float() / 255), strict=True):
                    of.take(maps, index, images.size, margin)
            progress.update(len(batch.indices) + len(batch.skipped))
    return [of.examples() for of in kept]


@dataclass(eq=False)
class _Kept:
    """The strongest so far of one population: values, and images and positions as one number each."""

    layer: Layer
    value: Float[Tensor, "u k"]
    image: Int64[Tensor, "u k"]
    place: Int64[Tensor, "u k"]
    width: int = 1

    @classmethod
    def empty(cls, units: Units, count: int) -> "_Kept":
        image, place = torch.zeros(2, len(units), count, dtype=torch.int64)
        return cls(units.layer, torch.zeros(len(units), count), image, place)

    def take(self, maps: Float[Tensor, "b u h w"], index: Int64[Tensor, " b"], size: int, margin: float) -> None:
        self.width = maps.shape[3]
        first, last = _inside(self.layer, self.width, size, margin)
        value, place = maps[:, :, first:last, first:last].flatten(2).max(2)
        row, column = place // (last - first) + first, place % (last - first) + first
        values = torch.cat([self.value, value.T.cpu()], 1)
        order = values.argsort(stable=True, dim=1, descending=True)[:, : self.value.shape[1]]
        images = torch.cat([self.image, index.expand(len(values), -1)], 1)
        places = torch.cat([self.place, (row * self.width + column).T.cpu()], 1)
        self.value, self.image, self.place = (of.gather(1, order) for of in (values, images, places))

    def examples(self) -> Examples:
        row, column = self.place // self.width, self.place % self.width
        return Examples(self.layer, self.value.clamp_min(0), self.image, row, column)


def _inside(layer: Layer, count: int, size: int, margin: float) -> tuple[int, int]:
    """The first row (or column) whose centre is far enough from the border, and the one after the last."""
    inside = [place for place in range(count) if margin <= layer.centre(place) <= size - 1 - margin]
    if not inside:
        raise VisaeError(
            f"no position of {layer.name} is {margin:g} px or more from the border of images of {size} px; "
            "give larger images"
        )
    return inside[0], inside[-1] + 1
