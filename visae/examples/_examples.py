"""Dataset examples of a population of units, as found by one pass over the images."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.networks import Layer


@dataclass(frozen=True, eq=False)
class Examples:
    """Up to `k` positions per unit, strongest first.

    value:       response; 0 pads units with fewer than `k` examples.
    image:       index in the image source.
    row, column: position in the layer's map.
    """

    layer: Layer
    value: Float[Tensor, "u k"]
    image: Int64[Tensor, "u k"]
    row: Int64[Tensor, "u k"]
    column: Int64[Tensor, "u k"]

    def positions(self, unit: int) -> list[tuple[int, int, int]]:
        """Return the examples of one unit as (image, row, column), strongest first, without padding."""
        count = int((self.value[unit] > 0).sum())
        columns = torch.stack([self.image[unit], self.row[unit], self.column[unit]], 1)[:count]
        return [(image, row, column) for image, row, column in columns.tolist()]


def join_examples(first: Examples, second: Examples) -> Examples:
    """Concatenate the examples of two populations, in the order of `visae.units.join_units`.

    Both must come from the same layer and have the same number of examples per unit.
    """
    names = ("value", "image", "row", "column")
    return Examples(first.layer, *(torch.cat([getattr(first, name), getattr(second, name)]) for name in names))


@dataclass(frozen=True, eq=False)
class DatasetExamples:
    """Dataset examples of one population of units.

    top:     the strongest positions.
    samples: examples at quantiles of each unit's activation: its strongest position in an image, over the images in
             which it fires. From high to low, each from a different image, none from an image in `top`.
    rank:    estimated rank of each sample, as the fraction of the images in which the unit fires that it exceeds;
             0 where there is no sample.
    members: number of images that the ranks were estimated from, sampled from those in which the unit fires.
    fires:   number of images in which the unit fires at a searched position.
    images:  number of images read.
    skipped: number of images that could not be read.
    """

    top: Examples
    samples: Examples
    rank: Float[Tensor, "u q"]
    members: Int64[Tensor, " u"]
    fires: Int64[Tensor, " u"]
    images: int
    skipped: int

    def rank_error(self) -> Float[Tensor, "u q"]:
        """Compute the standard error of `rank`: sqrt(r (1 - r) / (n + 2) (F - n) / (F + 1)), 0 if n = F.

        The j-th smallest of n members drawn without replacement from F images has, among the F, a rank with mean
        r (F + 1), r = j / (n + 1), and this error (David and Nagaraja, Order Statistics, 2003, section 3.7).
        """
        n, total = self.members[:, None], self.fires[:, None]
        return (self.rank * (1 - self.rank) / (n + 2) * (total - n) / (total + 1)).sqrt()
