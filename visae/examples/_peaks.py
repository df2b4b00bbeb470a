"""Where maps are largest."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def peaks(
    maps: Float[Tensor, "b u h w"], wanted: Bool[Tensor, "u b"], count: int
) -> tuple[Float[Tensor, "u b k"], Int64[Tensor, "u b k"]]:
    """The largest values of the wanted maps, the largest first, and their positions; zero for the other maps."""
    value = torch.zeros(*wanted.shape, count)
    place = torch.zeros(*wanted.shape, count, dtype=torch.int64)
    unit, image = wanted.nonzero(as_tuple=True)
    left = maps[image.to(maps.device), unit.to(maps.device)].flatten(1)
    for index in range(count):
        largest, at = left.max(1)
        value[unit, image, index], place[unit, image, index] = largest.cpu(), at.cpu()
        left.scatter_(1, at[:, None], -torch.inf)
    return value, place
