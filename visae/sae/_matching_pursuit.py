"""Matching pursuit SAE (Costa et al. 2025, arXiv 2506.03093): features are selected one by one, on the residual."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import SAE, Losses, UnitDecoderSAE
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._registry import register_kind


class MatchingPursuitSAE(UnitDecoderSAE):
    """Greedy pursuit with a tied, unit-norm decoder: k times, the feature that best matches the residual is added.

    r_0 = z - bias; at step t, i = argmax_i decoder_i . r_(t-1), v = max(decoder_i . r_(t-1), 0), f_i += v, and r_t =
    r_(t-1) - v decoder_i (algorithm 1 of the paper, with features that cannot be negative). There is no encoder: a
    feature responds to what earlier ones leave unexplained, so correlated features do not compete for the same rows.

    loss = |z - f decoder - bias|^2 / d, with the gradient of every step.
    """

    k: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE with random unit directions."""
        return cls(config, dim, decoder=random_directions(config.width, dim, generator), bias=torch.zeros(dim))

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """decoder (z - bias): how well each feature matches a row before the first step."""
        no_bias = self.decoder.new_zeros(self.decoder.shape[:-1])
        return linear(z, self.decoder, shifted(no_bias, self.decoder, self.bias))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the features that k steps of matching pursuit select: at most k in each row; zero elsewhere."""
        match = self.preactivate(z)
        f = torch.zeros_like(match)
        # Subtracting a selected feature changes the match of every other by their cosine.
        gram = self.decoder @ self.decoder.mT
        for step in range(max(config.k for config in self.configs)):
            value, column = match.max(-1, keepdim=True)
            value = value.relu() * (step < self.k)[..., None, None]
            f = f.scatter_add(-1, column, value)
            rows = gram.gather(-2, column.expand(*column.shape[:-1], gram.shape[-1]))
            match = match - value * rows
        return f

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension."""
        f = self.features(z)
        return Losses({"error": squared_error(z, self.reconstruct(f)) / self.dim}, (f.detach() > 0).any(-2))


@register_kind
@dataclass(frozen=True)
class MatchingPursuit(TrainedConfig):
    """Settings of a matching pursuit SAE.

    width:  features, m.
    k:      steps of the pursuit: features that may fire at one position, at most.
    """

    kind: ClassVar[str] = "mp"
    sae: ClassVar[Any] = MatchingPursuitSAE
    varied: ClassVar[tuple[str, ...]] = ("k",)
    summary: ClassVar[str] = "k steps of matching pursuit, each on the residual of the last"
    source: ClassVar[str] = "arXiv 2506.03093"
    style: ClassVar[LineStyle] = LineStyle("#7f3b08", "p")
    # The decoder is the encoder.
    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {"decoder": ("decoder",), "soft-decoder": ()}
    k: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
