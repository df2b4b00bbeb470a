"""What a pass over images finds of the units of a population."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.networks import Layer


@dataclass(frozen=True, eq=False)
class Examples:
    """Positions of images, `k` of each unit, the strongest first.

    value:       the response, 0 where there are fewer than `k`.
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


def join_examples(one: Examples, other: Examples) -> Examples:
    """Those of two populations as those of one, as `visae.units.joined` makes of them; as many of each unit."""
    names = ("value", "image", "row", "column")
    return Examples(one.layer, *(torch.cat([getattr(one, name), getattr(other, name)]) for name in names))


@dataclass(frozen=True, eq=False)
class DatasetExamples:
    """The dataset examples of the units of one population.

    top:     the strongest.
    samples: examples at quantiles of the unit's activation, its strongest position in each of the images in which it
             fires; from high to low, each of another image, none of an image that is among the top.
    rank:    of each sample, the share of the images in which the unit fires that it is estimated to lie above; 0 where
             there is no sample.
    members: in how many images these ranks were estimated, drawn from those in which the unit fires.
    fires:   in how many images the unit fires, at positions that were searched.
    images:  how many images were read;  skipped: how many could not be.
    """

    top: Examples
    samples: Examples
    rank: Float[Tensor, "u q"]
    members: Int64[Tensor, " u"]
    fires: Int64[Tensor, " u"]
    images: int
    skipped: int

    def rank_error(self) -> Float[Tensor, "u q"]:
        """The standard error of `rank`: sqrt(r (1 - r) / (n + 2) (F - n) / (F + 1)), 0 where all images are known.

        It is that of the j-th smallest of n members drawn without replacement from F images, whose rank among the F
        has the mean r (F + 1), r = j / (n + 1) (David and Nagaraja, Order Statistics, 2003, section 3.7).
        """
        n, of = self.members[:, None], self.fires[:, None]
        return (self.rank * (1 - self.rank) / (n + 2) * (of - n) / (of + 1)).sqrt()
