"""Gated SAE (Rajamanoharan et al. 2024, arXiv 2404.16014): whether a feature fires is not how strongly it does."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error, untied
from visae.sae._base import SAE, UnitNorm


@dataclass(frozen=True)
class Gated:
    """The recipe of a Gated SAE.

    width:  features, m.
    l1:     weight of the sparsity penalty on the gate, on rows scaled so that E|z|^2 = d.
    """

    kind: ClassVar[str] = "gated"
    varied: ClassVar[tuple[str, ...]] = ("l1",)
    width: int = 768
    l1: float = 2.0

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 <= self.l1 < math.inf:
            raise VisaeError(f"width is {self.width} and l1 is {self.l1:g}; they must be at least 1 and 0")

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        start = random_directions(self.width, dim, generator)
        more = {"r_mag": torch.zeros(self.width), "magnitude_bias": torch.zeros(self.width)}
        return GatedSAE(self, dim, decoder=start, **untied(start), **more)


class GatedSAE(UnitNorm):
    """f = 1[gate > 0] * ReLU(exp(r_mag) encoder (z - bias) + magnitude_bias), gate = encoder (z - bias) + encoder_bias.

    loss = |z - f decoder - bias|^2 + l1 * |ReLU(gate)|_1 + |z - ReLU(gate) decoder' - bias'|^2, where the copies
    decoder' and bias' get no gradient (section 3 of the paper). Unit-norm decoder rows.
    """

    # The L1 penalty pushes back: features that are revive_rate faster come and go without learning anything.
    revive_rate: ClassVar[float] = 0.2
    l1: Tensor
    r_mag: Tensor
    magnitude_bias: Tensor

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The magnitudes, where the gate is open."""
        return self._gated(z)[1]

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """`error`; `sparsity`, the gate's L1 norm; `aux`, the error of the gate's own reconstruction."""
        gate, f = self._gated(z)
        self.count_rows_since_fired((f.detach() > 0).any(-2), len(z))
        opened = gate.relu()
        by_gate = linear(opened, self.decoder.mT.detach(), self.bias.detach())
        return {
            "error": squared_error(z, self.reconstruct(f)),
            "sparsity": self.l1 * opened.sum(-1, dtype=self.l1.dtype).mean(-1),
            "aux": squared_error(z, by_gate),
        }

    def _gated(self, z: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "*s n m"], Float[Tensor, "*s n m"]]:
        """The gate's pre-activations, and the features."""
        shared = linear(z, self.encoder, shifted(torch.zeros_like(self.encoder_bias), self.encoder, self.bias))
        gate = shared + self.encoder_bias[..., None, :]
        magnitude = (self.r_mag.exp()[..., None, :] * shared + self.magnitude_bias[..., None, :]).relu()
        return gate, magnitude * (gate > 0)
