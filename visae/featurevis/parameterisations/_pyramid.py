"""Pictures as sums of planes from coarse to fine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.parameterisations._colour import MEASURED, Colours

_COARSEST = 4  # px, side of the smallest plane


@dataclass(frozen=True)
class Pyramid:
    """A Laplacian pyramid: picture = sigmoid(mix @ sum over levels of z_l, enlarged to full size), each half the last.

    Its levels end at 4 px; `sd` is that of each at the start.
    """

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    colours: Colours = MEASURED

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Small noise at every level; see `Parameterisation`."""
        return [torch.randn(3, side, side, generator=generator) * self.sd for side in sides(size)]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        return self.colours.to_rgb(enlarged(parameters, size))


def enlarged(levels: Sequence[Float[Tensor, "b c _ _"]], size: int) -> Float[Tensor, "b c s s"]:
    """The sum of all levels, each enlarged to `size` px."""
    planes = [F.interpolate(level, (size, size), mode="bilinear", align_corners=False) for level in levels]
    return torch.stack(planes).sum(0)


def sides(size: int) -> list[int]:
    """The sides of the planes, from fine to coarse, px."""
    found = [size]
    while found[-1] >= 2 * _COARSEST:
        found.append(found[-1] // 2)
    return found
