"""TopK SAE (Gao et al. 2024, arXiv 2406.04093): exactly k features a row, and AuxK against dead ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions, squared_error, untied
from visae.sae._auxk import auxk, dead_features
from visae.sae._base import SAE, UnitNorm
from visae.sae._median import geometric_median
from visae.sae._sparse_code import Code, Dense, sparse_code, sparse_pays
from visae.sae._topk_select import Entries, topk_dense, topk_entries


@dataclass(frozen=True)
class TopK:
    """The recipe of a TopK SAE.

    width:       features, m.
    k:           features that may fire at one position.
    aux_k:       dead features that together explain the residual (AuxK), at most; 0 for none.
    aux_weight:  weight of that term; the paper's 1/32.
    dead_after:  rows in a row without firing after which a feature counts as dead; a tenth of the paper's. Counted dead
                 too early, features that are only rare are sent after the residual and die (see the README's figures).
    origin:      where the bias starts: at the data's `mean`, or at their geometric `median` as in the paper.
    """

    kind: ClassVar[str] = "topk"
    varied: ClassVar[tuple[str, ...]] = ("k",)
    width: int = 768
    k: int = 8
    aux_k: int = 64
    aux_weight: float = 1 / 32
    dead_after: int = 1_000_000
    origin: str = "mean"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
        for name in ("aux_k", "aux_weight", "dead_after"):
            if not 0 <= getattr(self, name) < math.inf:
                raise VisaeError(f"{name} is {getattr(self, name):g}; it must be 0 or more")
        if self.origin not in ("mean", "median"):
            raise VisaeError(f"origin is {self.origin!r}; it must be 'mean' or 'median'")

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        start = random_directions(self.width, dim, generator)
        return TopKSAE(self, dim, decoder=start, **untied(start))


class TopKSAE(UnitNorm):
    """f = TopK(ReLU(encoder (z - bias) + encoder_bias)); unit-norm decoder rows; encoder = decoder at the start.

    loss = |z - f decoder - bias|^2 / d + aux_weight * AuxK
    """

    k: Tensor
    dead: list[Tensor] | None = None  # for each member, as they were at the last refresh

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """The bias at the geometric median, if that is asked for; the mean is zero already."""
        if self.config.origin == "median":
            self.bias.data.copy_(geometric_median(z))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The k largest positive pre-activations of each row; zero elsewhere."""
        return topk_dense(self.preactivate(z), self.k, self.most)

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """`error`, per dimension, and `aux` (see `auxk`), which is zero while no feature is dead."""
        code = self.code(z)
        guess = code.decode(self.decoder) + self.bias[..., None, :]
        self.count_rows_since_fired(code.fired(), len(z))
        terms = {"error": squared_error(z, guess) / self.dim}
        if self.config.aux_k:
            terms["aux"] = self.aux(z, guess)
        return terms

    def code(self, z: Float[Tensor, "n d"]) -> Code:
        """The features that the training loss decodes."""
        if sparse_pays(z.device, self.most, self.width):
            return sparse_code(z, self.encoder, self.shift, self.choose)
        return Dense(topk_dense(self.preactivate(z), self.k, self.most))

    def choose(self, pre: Float[Tensor, "p m"], member: int) -> Entries:
        """The pre-activations that fire in a piece of a member's."""
        return topk_entries(pre, self.configs[member].k)

    def aux(self, z: Float[Tensor, "n d"], guess: Float[Tensor, "*s n d"]) -> Float[Tensor, "*s"]:
        """AuxK's term of the loss, weighted."""
        if self.dead is None:
            self.refresh()
        assert self.dead is not None
        if not any(map(len, self.dead)):
            return guess.new_zeros(guess.shape[:-2])
        weight: float = self.config.aux_weight
        return weight * auxk(self, z, z - guess, self.dead, self.config.aux_k)

    @property
    def most(self) -> int:
        """The largest k of a stack."""
        return int(max(recipe.k for recipe in self.configs))

    def refresh(self) -> None:
        """Look again which features are dead."""
        self.dead = dead_features(self.rows_since_fired, self.config.dead_after)

    def forget(self) -> None:
        """Which features are dead must be looked at again."""
        self.dead = None

    def remember(self, before: SAE, kept: Sequence[int]) -> None:
        """The dead are looked at again at the next refresh, and not before."""
        assert isinstance(before, TopKSAE)
        self.dead = None if before.dead is None else [before.dead[index] for index in kept]
