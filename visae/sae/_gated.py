"""Gated SAE (Rajamanoharan et al. 2024, arXiv 2404.16014): separates whether a feature fires from how strongly."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import SAE, Losses, UnitNormSAE
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._registry import register_kind


class GatedSAE(UnitNormSAE):
    """f = 1[gate > 0] * ReLU(exp(r_mag) encoder (z - bias) + magnitude_bias), gate = encoder (z - bias) + encoder_bias.

    loss = |z - f decoder - bias|^2 + l1 * |ReLU(gate)|_1 + |z - ReLU(gate) decoder' - bias'|^2, where the copies
    decoder' and bias' get no gradient (section 3 of the paper). Unit-norm decoder rows.
    """

    # The L1 penalty pushes back: features revived faster come and go without learning anything.
    revive_rate: ClassVar[float] = 0.2
    l1: Tensor
    r_mag: Tensor
    magnitude_bias: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE whose magnitudes are its gates."""
        magnitudes = {"r_mag": torch.zeros(config.width), "magnitude_bias": torch.zeros(config.width)}
        start = cls.tied_start(random_directions(config.width, dim, generator))
        return cls(config, dim, **start, **magnitudes)

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the magnitudes, where the gate is open."""
        return self._gated(z)[1]

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`; `sparsity`, the gate's L1 norm; `aux`, the error of the gate's own reconstruction."""
        gate, f = self._gated(z)
        opened = gate.relu()
        by_gate = linear(opened, self.decoder.mT.detach(), self.bias.detach())
        terms = {
            "error": squared_error(z, self.reconstruct(f)),
            "sparsity": self.l1 * opened.sum(-1, dtype=self.l1.dtype).mean(-1),
            "aux": squared_error(z, by_gate),
        }
        return Losses(terms, (f.detach() > 0).any(-2))

    def _gated(self, z: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "*s n m"], Float[Tensor, "*s n m"]]:
        """Return the gate's pre-activations, and the features."""
        shared = linear(z, self.encoder, shifted(torch.zeros_like(self.encoder_bias), self.encoder, self.bias))
        gate = shared + self.encoder_bias[..., None, :]
        magnitude = (self.r_mag.exp()[..., None, :] * shared + self.magnitude_bias[..., None, :]).relu()
        return gate, magnitude * (gate > 0)


@register_kind
@dataclass(frozen=True)
class Gated(TrainedConfig):
    """Settings of a Gated SAE.

    width:  features, m.
    l1:     weight of the L1 penalty on the gate, on rows scaled so that E|z|^2 = d.
    """

    kind: ClassVar[str] = "gated"
    sae: ClassVar[Any] = GatedSAE
    varied: ClassVar[tuple[str, ...]] = ("l1",)
    summary: ClassVar[str] = "separates whether a feature fires from how strongly"
    source: ClassVar[str] = "arXiv 2404.16014"
    style: ClassVar[LineStyle] = LineStyle("#E69F00", "s")
    l1: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or not 0 <= self.l1 < math.inf:
            raise VisaeError(f"width is {self.width} and l1 is {self.l1:g}; they must be at least 1 and 0")
