"""Which positions of an image to keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError, unknown
from visae._support.seeds import generator

Policy = Literal["magnitude", "uniform", "all"]


@dataclass(frozen=True)
class Positions:
    """A way to choose positions, without replacement.

    policy:  `magnitude` draws with probability proportional to the L2 norm of the activation vector, the
             over-sampling of large activations of Gorton 2024 (arXiv 2406.03662); `uniform` draws all alike; `all`
             keeps every position, in reading order.
    count:   positions an image; no meaning for `all`.
    border:  positions left out along every side of the map.
    seed:    with the image's index it decides the draw, so an image's positions do not depend on other images.
    """

    policy: Policy = "magnitude"
    count: int = 64
    border: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise unknown("policy", self.policy, get_args(Policy))
        if self.border < 0:
            raise VisaeError(f"the border is {self.border} positions; it must be 0 or more")

    def an_image(self, height: int, width: int) -> int:
        """How many positions of a map of this size are kept; raises `VisaeError` if there are too few."""
        inside = max(height - 2 * self.border, 0) * max(width - 2 * self.border, 0)
        wanted = inside if self.policy == "all" else self.count
        if not 1 <= wanted <= inside:
            raise VisaeError(
                f"{wanted} positions an image were asked for, a map of {height}x{width} with a border of {self.border} "
                f"has {inside}; ask for 1 to {inside}, or for --policy all"
            )
        return wanted

    def choose(self, maps: Float[Tensor, "b c h w"], images: Sequence[int]) -> Int64[Tensor, "b p"]:
        """Positions y * w + x, in no particular order, of the maps of the images with these indices."""
        b, _, h, w = maps.shape
        count = self.an_image(h, w)
        inside = _inside(h, w, self.border)
        if self.policy == "all":
            return inside.expand(b, -1).to(maps.device)
        weight = torch.ones(b, len(inside))
        if self.policy == "magnitude":
            norms = maps.float().square().sum(1).sqrt().flatten(1)[:, inside.to(maps.device)].cpu()
            # The constant lets an image that is silent almost everywhere still give its positions. What is not a number
            # is drawn first, so that the store refuses it: left to itself it would never be drawn, and so go unseen.
            weight = (norms + 1e-8).nan_to_num(nan=torch.inf)
        return inside[_draw(weight, count, self.seed, images)].to(maps.device)


def _draw(weight: Float[Tensor, "b n"], count: int, seed: int, images: Sequence[int]) -> Int64[Tensor, "b p"]:
    """Weighted draws without replacement: the smallest of exponential waiting times of rate `weight`
    (Efraimidis and Spirakis 2006), from each image's own generator."""
    waiting = torch.stack([_exponential(weight.shape[1], seed, image) for image in images])
    return (waiting / weight).topk(count, dim=1, largest=False).indices


def _exponential(count: int, seed: int, image: int) -> Float[Tensor, " n"]:
    return torch.empty(count).exponential_(generator=generator(seed, "positions", image))


def _inside(height: int, width: int, border: int) -> Int64[Tensor, " n"]:
    places = torch.arange(height * width).view(height, width)
    return places[border : height - border, border : width - border].flatten()
