"""ReLU SAE with an L1 penalty weighted by decoder norms (Conerly et al., "Update on how we train SAEs", April 2024)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions
from visae.sae._base import SAE, EncoderSAE, Losses
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._fused_relu import fused_relu
from visae.sae._registry import register_kind

_INITIAL_NORM = 0.1


class ReLUSAE(EncoderSAE):
    """f = ReLU(encoder (z - bias) + encoder_bias), untied, with free decoder norms; encoder = decoder at the start.

    loss = |z - f decoder - bias|^2 + l1 * sum_i f_i |decoder_i|
    """

    l1: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE with short directions."""
        return cls(config, dim, **cls.tied_start(_INITIAL_NORM * random_directions(config.width, dim, generator)))

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Move the bias to the silent point, from which features only need to add."""
        self.bias.copy_(self.silent_point.to(z))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the positive part of the pre-activations."""
        return self.preactivate(z).relu()

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, and `sparsity`: the L1 norm of the features, each weighted by its decoder row's norm."""
        norms = self.decoder.norm(dim=-1)
        error, penalty, fired = fused_relu(z, self.encoder, self.shift, self.decoder, self.bias, norms)
        return Losses({"error": error, "sparsity": self.l1 * penalty}, fired)


@register_kind
@dataclass(frozen=True)
class ReLU(TrainedConfig):
    """Settings of a ReLU SAE.

    width:  features, m.
    l1:     weight of the L1 penalty, on rows scaled so that E|z|^2 = d.
    """

    kind: ClassVar[str] = "relu"
    sae: ClassVar[Any] = ReLUSAE
    varied: ClassVar[tuple[str, ...]] = ("l1",)
    summary: ClassVar[str] = "L1 weighted by decoder norms"
    source: ClassVar[str] = "Conerly et al. 2024"
    style: ClassVar[LineStyle] = LineStyle("#D55E00", "o")
    l1: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or not 0 <= self.l1 < math.inf:
            raise VisaeError(f"width is {self.width} and l1 is {self.l1:g}; they must be at least 1 and 0")
