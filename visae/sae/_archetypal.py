"""Relaxed archetypal SAE (Fel et al. 2025, arXiv 2502.12892): features that stay close to the data's convex hull."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions
from visae.sae._base import SAE
from visae.sae._config import LineStyle
from visae.sae._registry import register_kind
from visae.sae._topk import TopK, TopKSAE


class ArchetypalSAE(TopKSAE):
    """A TopK SAE whose decoder is scale * (mixture @ centroids + relaxation).

    mixture: [m, c], each row non-negative and summing to one.  centroids: [c, d], fixed by the data.
    relaxation: [m, d], rows of norm at most delta.  scale: exp of `log_scale`.
    """

    mixture: Tensor
    relaxation: Tensor
    log_scale: Tensor
    centroids: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE, whose directions lie near the data once it is initialised."""
        width, count = config.width, config.centroids or config.width
        parts = {
            "mixture": torch.eye(count)[torch.arange(width) % count],
            "relaxation": torch.zeros(width, dim),
            "log_scale": torch.zeros(()),
        }
        start = cls.tied_start(random_directions(width, dim, generator))
        del start["decoder"]
        sae = cls(config, dim, **parts, **start)
        sae.register_buffer("centroids", torch.zeros(count, dim))
        return sae

    @property
    def decoder(self) -> Float[Tensor, "*s m d"]:  # type: ignore[override]
        """The features' directions: scale * (mixture @ centroids + relaxation)."""
        return self.log_scale.exp()[..., None, None] * (self.mixture @ self.centroids + self.relaxation)

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Find centroids by K-means, and align the encoder with them.

        K-means always uses the same seed: SAEs with different seeds share their centroids, as in the paper, and differ
        in the random directions of equal norm that are added to the encoder's.
        """
        super().initialise(z)
        self.centroids.copy_(_centroids(z, len(self.centroids)))
        start = self.decoder.detach()
        aligned = start / start.square().sum(1, keepdim=True).clamp_min(1e-12)
        self.encoder.data.mul_(aligned.norm(dim=1, keepdim=True)).add_(aligned)

    def before_step(self) -> None:
        """Do nothing: the norms of these directions are free."""

    @torch.no_grad()
    def after_step(self) -> None:
        """Project the mixture's rows onto the simplex, and the relaxation's into the ball of radius delta."""
        self.mixture.relu_()
        total = self.mixture.sum(-1, keepdim=True)
        self.mixture.copy_(torch.where(total > 0, self.mixture / total, 1 / self.mixture.shape[-1]))
        norm = self.relaxation.norm(dim=-1, keepdim=True)
        self.relaxation.mul_((self.config.delta / norm.clamp_min(1e-12)).clamp_max(1))


@register_kind
@dataclass(frozen=True)
class Archetypal(TopK):
    """Settings of a relaxed archetypal SAE: those of TopK, and

    centroids:  centroids of the data (K-means) of which features are convex combinations; 0 for one per feature.
    delta:      how far a feature may lie from its combination, in units of standardised rows, whose norm is about
                sqrt(d); the paper's 0.01 keeps features on the hull of the centroids.
    """

    kind: ClassVar[str] = "archetypal"
    sae: ClassVar[Any] = ArchetypalSAE
    summary: ClassVar[str] = "features near the convex hull of the data"
    source: ClassVar[str] = "arXiv 2502.12892"
    style: ClassVar[LineStyle] = LineStyle("#000000", "X")
    # A soft start would be a mixture of centroids, too.
    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "decoder": ("mixture", "relaxation", "log_scale"),
        "encoder": ("encoder",),
    }
    centroids: int = 0
    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.centroids < 0 or not 0 <= self.delta < math.inf:
            raise VisaeError(f"centroids is {self.centroids} and delta {self.delta:g}; they must be 0 or more")


def _centroids(z: Float[Tensor, "n d"], count: int) -> Float[Tensor, "c d"]:
    if len(z) < count:
        raise VisaeError(f"there are only {len(z)} rows for {count} centroids; capture more, or set fewer")
    # Slow to import, and only this kind needs it.
    from sklearn.cluster import MiniBatchKMeans

    fitted = MiniBatchKMeans(count, random_state=0, n_init=1, batch_size=4096).fit(z.cpu().numpy())
    return torch.from_numpy(fitted.cluster_centers_)
