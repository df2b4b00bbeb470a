"""Choose which positions of each image to keep."""

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
    """How to sample positions of a map, without replacement.

    policy:  `magnitude` samples with probability proportional to the L2 norm of the activation vector, the
             over-sampling of large activations of Gorton 2024 (arXiv 2406.03662); `uniform` samples uniformly; `all`
             keeps every position, in row-major order.
    count:   positions per image; ignored by `all`.
    border:  width, in positions, of the margin left out along each side of the map.
    seed:    determines the sample together with the image's index, so an image's positions do not depend on the others.
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

    def per_image(self, height: int, width: int) -> int:
        """Return the number of positions kept from a map of this size; raises `VisaeError` if it has too few."""
        available = max(height - 2 * self.border, 0) * max(width - 2 * self.border, 0)
        if not available:
            raise VisaeError(
                f"a border of {self.border} leaves no position of a map of {height}x{width}; choose a smaller border"
            )
        count = available if self.policy == "all" else self.count
        if not 1 <= count <= available:
            raise VisaeError(
                f"{count} positions per image were requested, but a map of {height}x{width} with a border of "
                f"{self.border} has {available}; choose 1 to {available}, or all"
            )
        return count

    def choose(self, maps: Float[Tensor, "b c h w"], images: Sequence[int]) -> Int64[Tensor, "b p"]:
        """Return positions y * w + x, in no particular order, of the maps of the images with these indices."""
        b, _, h, w = maps.shape
        count = self.per_image(h, w)
        inside = _inside(h, w, self.border)
        if self.policy == "all":
            return inside.expand(b, -1).to(maps.device)
        weight = torch.ones(b, len(inside))
        if self.policy == "magnitude":
            norms = maps.float().square().sum(1).sqrt().flatten(1)[:, inside.to(maps.device)].cpu()
            # The constant allows sampling images that are silent almost everywhere. NaN becomes the first choice, so
            # that the store rejects it; otherwise it would never be sampled, and go unnoticed.
            weight = (norms + 1e-8).nan_to_num(nan=torch.inf)
        return inside[_sample(weight, count, self.seed, images)].to(maps.device)


def _sample(weight: Float[Tensor, "b n"], count: int, seed: int, images: Sequence[int]) -> Int64[Tensor, "b p"]:
    """Sample by weight without replacement: the smallest of exponential waiting times with rate `weight`
    (Efraimidis and Spirakis 2006), from a generator per image."""
    waiting = torch.stack([_exponential(weight.shape[1], seed, image) for image in images])
    return (waiting / weight).topk(count, dim=1, largest=False).indices


def _exponential(count: int, seed: int, image: int) -> Float[Tensor, " n"]:
    return torch.empty(count).exponential_(generator=generator(seed, "positions", image))


def _inside(height: int, width: int, border: int) -> Int64[Tensor, " n"]:
    positions = torch.arange(height * width).view(height, width)
    return positions[border : height - border, border : width - border].flatten()
