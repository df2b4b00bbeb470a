"""Keeping a few entries of each unit out of any number."""

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


class Lowest:
    """The `count` entries of each of `units` units whose keys are the lowest, the lowest first.

    Of equal keys the one that came first counts as lower. An entry with the key infinity is none. Keys that order by
    strength keep the strongest; keys drawn at random keep a sample, uniform and without replacement (a reservoir).

    key:   [u, k].  value: the response.  image: index in the source.  place: row and column of the map as one number.
    """

    def __init__(self, units: int, count: int):
        self.key: Float64[Tensor, "u k"] = torch.full((units, count), torch.inf, dtype=torch.float64)
        self.value: Float[Tensor, "u k"] = torch.zeros(units, count)
        self.image: Int64[Tensor, "u k"] = torch.zeros(units, count, dtype=torch.int64)
        self.place: Int64[Tensor, "u k"] = torch.zeros(units, count, dtype=torch.int64)

    @property
    def there(self) -> Bool[Tensor, "u k"]:
        """Where there are entries."""
        return self.key < torch.inf

    def wants(self, key: Float64[Tensor, "u n"]) -> Bool[Tensor, "u n"]:
        """Which entries are lower than the last of their unit's: only those can come in."""
        return key < self.key[:, -1:]

    def take(
        self,
        key: Float64[Tensor, "u n"],
        value: Float[Tensor, "u n"],
        image: Int64[Tensor, " n"],
        place: Int64[Tensor, "u n"],
    ) -> None:
        """Put the entries among those that are kept, where they are low enough."""
        changed = self.wants(key).any(1).nonzero()[:, 0]
        keys = torch.cat([self.key[changed], key[changed]], 1)
        order = keys.argsort(dim=1, stable=True)[:, : self.key.shape[1]]
        self.key[changed] = keys.gather(1, order)
        news = {"value": value[changed], "image": image.expand(len(changed), -1), "place": place[changed]}
        for name, new in news.items():
            kept = getattr(self, name)
            kept[changed] = torch.cat([kept[changed], new], 1).gather(1, order)
