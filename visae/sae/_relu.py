"""ReLU SAE with an L1 penalty weighted by decoder norms (Conerly et al., "Update on how we train SAEs", April 2024)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions, untied
from visae.sae._base import SAE
from visae.sae._fused_relu import fused_relu

_INITIAL_NORM = 0.1


@dataclass(frozen=True)
class ReLU:
    """The recipe of a ReLU SAE.

    width:  features, m.
    l1:     weight of the sparsity penalty, on rows scaled so that E|z|^2 = d.
    """

    kind: ClassVar[str] = "relu"
    varied: ClassVar[tuple[str, ...]] = ("l1",)
    width: int = 768
    l1: float = 5.0

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 <= self.l1 < math.inf:
            raise VisaeError(f"width is {self.width} and l1 is {self.l1:g}; they must be at least 1 and 0")

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        start = _INITIAL_NORM * random_directions(self.width, dim, generator)
        return ReLUSAE(self, dim, decoder=start, **untied(start))


class ReLUSAE(SAE):
    """f = ReLU(encoder (z - bias) + encoder_bias), untied, with free decoder norms; encoder = decoder at the start.

    loss = |z - f decoder - bias|^2 + l1 * sum_i f_i |decoder_i|
    """

    l1: Tensor

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The positive part of the pre-activations."""
        return self.preactivate(z).relu()

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """`error`, and `sparsity`: the L1 norm of the features, each weighted by its decoder row's norm."""
        error, penalty, fired = fused_relu(
            z, self.encoder, self.shift, self.decoder, self.bias, self.decoder.norm(dim=-1)
        )
        self.count_rows_since_fired(fired, len(z))
        return {"error": error, "sparsity": self.l1 * penalty}
