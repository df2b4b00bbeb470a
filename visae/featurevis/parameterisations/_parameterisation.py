"""A parameterisation: from numbers that are optimised to pictures. It decides which pictures are easy to reach."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Parameterisation(Protocol):
    """How pictures are made. Pictures are independent: row i of every parameter belongs to picture i."""

    @property
    def rate(self) -> float:
        """Adam's learning rate that suits the parameters."""

    def start(self, size: int, generator: torch.Generator) -> list[Float[Tensor, "..."]]:
        """The parameters of one picture of `size` px before the first step, drawn with the generator."""

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b c s s"]:
        """Pictures of `size` px, 0..1: RGB, or RGB and alpha. Gradients flow to the parameters."""
