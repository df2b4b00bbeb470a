"""From a sample of the images in which a unit fires to examples at quantiles of its activation."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.examples._lowest import Lowest


def at_quantiles(
    members: Lowest, top: Int64[Tensor, "u k"], quantiles: Sequence[float]
) -> tuple[Int64[Tensor, "u q"], Float[Tensor, "u q"]]:
    """For each unit, which members lie at the quantiles, from high to low, and their ranks; -1 and 0 for none.

    The j-th smallest of a unit's n members has the rank j / (n + 1). At a quantile lies the member of the nearest rank
    that is lower than the one before, and not of an image in `top`; of two as near, the lower.
    """
    chosen = torch.full((len(top), len(quantiles)), -1)
    rank = torch.zeros(len(top), len(quantiles))
    falling = sorted(quantiles, reverse=True)
    counts, ascending = members.there.sum(1).tolist(), members.value.argsort(dim=1, stable=True)
    images, taken = members.image.gather(1, ascending).tolist(), top.tolist()
    for unit, count in enumerate(counts):
        # What is no entry has the value 0 and comes first.
        none = len(images[unit]) - count
        free = [j for j, image in enumerate(images[unit][none:], 1) if image not in taken[unit]]
        found = _nearest(free, [quantile * (count + 1) for quantile in falling])
        for index, j in enumerate(found):
            chosen[unit, index], rank[unit, index] = ascending[unit, none + j - 1], j / (count + 1)
    return chosen, rank


def _nearest(free: Sequence[int], wanted: Sequence[float]) -> list[int]:
    """For each of some falling numbers the nearest of the free ones below the one before, while there are any."""
    found: list[int] = []
    for number in wanted:
        below = [j for j in free if not found or j < found[-1]]
        if not below:
            break
        found.append(min(below, key=lambda j: abs(j - number)))
    return found
