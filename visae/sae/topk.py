"""TopK SAE (Gao et al. 2024, arXiv 2406.04093): exactly k features a row, and AuxK against dead ones."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae.errors import VisaeError
from visae.sae.base import SAE, random_directions, squared_error


@dataclass(frozen=True)
class TopK:
    """The recipe of a TopK SAE.

    width:       features, m.
    k:           features that may fire at one position.
    aux_k:       dead features that together explain the residual (AuxK), at most; 0 for none.
    aux_weight:  weight of that term; the paper's 1/32.
    dead_after:  rows in a row without firing after which a feature counts as dead.
    """

    kind: ClassVar[str] = "topk"
    width: int = 768
    k: int = 8
    aux_k: int = 64
    aux_weight: float = 1 / 32
    dead_after: int = 100_000

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
        for name in ("aux_k", "aux_weight", "dead_after"):
            if not 0 <= getattr(self, name) < math.inf:
                raise VisaeError(f"{name} is {getattr(self, name):g}; it must be 0 or more")

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        return TopKSAE(self, dim, generator)


class TopKSAE(SAE):
    """f = TopK(ReLU(encoder (z - bias) + encoder_bias)); unit-norm decoder rows; encoder = decoder at the start."""

    def __init__(self, recipe: TopK, dim: int, generator: torch.Generator):
        super().__init__(dim, recipe.width, random_directions(recipe.width, dim, generator))
        self.recipe: TopK = recipe

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """The k largest positive pre-activations of each row; zero elsewhere."""
        return strongest(self.pre_activations(z), self.recipe.k)

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Tensor]:
        """`error`, per dimension, and `aux`: the share of the residual that the strongest dead features leave.

        `aux` is zero while no feature is dead.
        """
        pre = self.pre_activations(z)
        f = strongest(pre, self.recipe.k)
        guess = self.reconstruct(f)
        self.count_idle(f.detach())
        terms = {"error": squared_error(z, guess) / self.dim}
        if self.recipe.aux_k:
            terms["aux"] = self.recipe.aux_weight * self._aux(pre, (z - guess).detach())
        return terms

    def _aux(self, pre: Float[Tensor, "n m"], residual: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        dead = (self.idle > self.recipe.dead_after).nonzero().flatten()
        if not len(dead):
            return residual.new_zeros(())
        f = strongest(pre[:, dead], min(self.recipe.aux_k, len(dead)))
        return squared_error(residual, f @ self.decoder[dead]) / residual.square().sum(1).mean().clamp_min(1e-12)

    @torch.no_grad()
    def before_step(self) -> None:
        """Remove from the decoder's gradient the part along each row, which the unit norm forbids."""
        gradient = self.decoder.grad
        assert gradient is not None
        gradient -= (gradient * self.decoder).sum(1, keepdim=True) * self.decoder

    @torch.no_grad()
    def after_step(self) -> None:
        """Put the decoder's rows back on the unit sphere."""
        self.decoder.copy_(F.normalize(self.decoder, dim=1))


def strongest(pre: Float[Tensor, "n m"], k: int) -> Float[Tensor, "n m"]:
    """The k largest positive values of each row, where they stand; zero elsewhere."""
    values, places = pre.topk(k, dim=1, sorted=False)
    return torch.zeros_like(pre).scatter(1, places, values.relu())
