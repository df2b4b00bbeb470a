"""Pictures pixel by pixel: what is seen without any prior. Mostly noise; to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.parameterisations._colour import MEASURED, Colours


@dataclass(frozen=True)
class Pixels:
    """picture = sigmoid(mix @ z); `sd` is that of z at the start."""

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    colours: Colours = MEASURED

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Small noise; see `Parameterisation`."""
        return [torch.randn(3, size, size, generator=generator) * self.sd]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        assert parameters[0].shape[-1] == size
        return self.colours.to_rgb(parameters[0])
