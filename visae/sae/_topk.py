"""TopK SAE (Gao et al. 2024, arXiv 2406.04093): exactly k features per row, and AuxK against dead ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import squared_error
from visae.sae._base import EncoderSAE, Losses, UnitNormSAE
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._registry import register_kind
from visae.sae._sparse_code import Code, Dense, sparse_code, sparse_pays
from visae.sae._topk_select import Entries, topk_dense, topk_entries

_MEDIAN_ITERATIONS = 100


class TopKSAE(UnitNormSAE):
    """f = TopK(ReLU(encoder (z - bias) + encoder_bias)); unit-norm decoder rows; encoder = decoder at the start.

    loss = |z - f decoder - bias|^2 / d + aux_weight * AuxK
    """

    training_only: ClassVar[tuple[str, ...]] = (*UnitNormSAE.training_only, "is_dead")

    k: Tensor
    is_dead: Tensor  # [*s, m], as of the last refresh; only with AuxK
    dead: list[Tensor] | None = None  # the same as indices, for each member

    def __init__(self, config: Any, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__(config, dim, **parameters)
        if config.aux_k:
            self.register_buffer("is_dead", torch.zeros(self.width, dtype=torch.bool))

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Move the bias to the geometric median if the config says so; the mean is already zero."""
        if self.config.origin == "median":
            self.bias.data.copy_(geometric_median(z))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the k largest positive pre-activations of each row; zero elsewhere."""
        return topk_dense(self.preactivate(z), self.k, self.largest_k)

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension, and `aux` (see `auxk`), which is zero while no feature is dead."""
        code = self.code(z)
        reconstruction = code.decode(self.decoder) + self.bias[..., None, :]
        terms = {"error": squared_error(z, reconstruction) / self.dim}
        if self.config.aux_k:
            terms["aux"] = self.aux(z, reconstruction)
        return Losses(terms, code.fired())

    def code(self, z: Float[Tensor, "n d"]) -> Code:
        """Return the features that the training loss decodes."""
        if sparse_pays(z.device, self.largest_k, self.width):
            return sparse_code(z, self.encoder, self.shift, self.select)
        return Dense(topk_dense(self.preactivate(z), self.k, self.largest_k))

    def select(self, pre: Float[Tensor, "p m"], member: int) -> Entries:
        """Return the entries that fire in a piece of a member's pre-activations."""
        return topk_entries(pre, self.configs[member].k)

    def aux(self, z: Float[Tensor, "n d"], reconstruction: Float[Tensor, "*s n d"]) -> Float[Tensor, "*s"]:
        """Return the weighted AuxK term of the loss."""
        if self.dead is None:
            self.dead = indices_of(self.is_dead)
        if not any(map(len, self.dead)):
            return reconstruction.new_zeros(reconstruction.shape[:-2])
        weight: float = self.config.aux_weight
        return weight * auxk(self, z, z - reconstruction, self.dead, self.config.aux_k)

    @property
    def largest_k(self) -> int:
        """The largest k of a stack."""
        return int(max(config.k for config in self.configs))

    def refresh(self) -> None:
        """Update which features are dead."""
        if self.config.aux_k:
            self.is_dead.copy_(self.rows_since_fired > self.config.dead_after)
            self.dead = indices_of(self.is_dead)

    def forget(self) -> None:
        """Drop the indices of dead features."""
        self.dead = None


@register_kind
@dataclass(frozen=True)
class TopK(TrainedConfig):
    """Settings of a TopK SAE.

    width:       features, m.
    k:           features that may fire at one position.
    aux_k:       dead features, at most, that explain the residual together (AuxK); 0 for none.
    aux_weight:  weight of AuxK's term; the paper's 1/32.
    dead_after:  rows without firing after which a feature counts as dead; a tenth of the paper's. If counted as dead
                 too early, merely rare features are pulled towards the residual and die.
    origin:      where the bias starts: at the data's `mean`, or at their geometric `median` as in the paper.
    """

    kind: ClassVar[str] = "topk"
    sae: ClassVar[Any] = TopKSAE
    varied: ClassVar[tuple[str, ...]] = ("k",)
    summary: ClassVar[str] = "k features at every position"
    source: ClassVar[str] = "arXiv 2406.04093"
    style: ClassVar[LineStyle] = LineStyle("#0072B2", "D")
    k: int = 8
    aux_k: int = 0
    aux_weight: float = 1 / 32
    dead_after: int = 1_000_000
    origin: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
        for name in ("aux_k", "aux_weight", "dead_after"):
            if not 0 <= getattr(self, name) < math.inf:
                raise VisaeError(f"{name} is {getattr(self, name):g}; it must be 0 or more")
        if self.origin not in ("mean", "median"):
            raise VisaeError(f"origin is {self.origin!r}; it must be 'mean' or 'median'")


def indices_of(is_dead: Bool[Tensor, "*s m"]) -> list[Int[Tensor, " _"]]:
    """Return the indices of the features of each member of a stack that are dead."""
    return [member.nonzero().flatten() for member in is_dead.view(-1, is_dead.shape[-1])]


def auxk(
    sae: EncoderSAE,
    z: Float[Tensor, "n d"],
    residual: Float[Tensor, "*s n d"],
    dead: Sequence[Int[Tensor, " _"]],
    k: int,
) -> Float[Tensor, "*s"]:
    """Return AuxK (Gao et al. 2024, appendix A.2): how much of each row's residual the k strongest dead features leave.

    |e - e_hat|^2 / |e|^2, with e the residual, which gets no gradient, and e_hat the reconstruction from dead features.
    0 for a member without dead features.
    """
    residual = residual.detach()
    m, d = sae.encoder.shape[-2:]
    encoder, decoder = sae.encoder.reshape(-1, d), sae.decoder.reshape(-1, d)
    shift, residuals = sae.shift.reshape(-1), residual.reshape(-1, *residual.shape[-2:])
    terms = []
    for member, (own_dead, own_residual) in enumerate(zip(dead, residuals, strict=True)):
        if not len(own_dead):
            terms.append(residual.new_zeros(()))
            continue
        index = own_dead + member * m
        count = min(k, len(index))
        f = topk_dense(F.linear(z, encoder[index], shift[index]), torch.full((), count, device=z.device), count)
        size = own_residual.square().sum(-1).mean().clamp_min(1e-12)
        terms.append(squared_error(own_residual, f @ decoder[index]) / size)
    return torch.stack(terms).view(residual.shape[:-2])


def geometric_median(rows: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """Return the point with the least sum of distances to the rows, by Weiszfeld's iteration, in float64."""
    exact = rows.double()
    point = exact.mean(0)
    for _ in range(_MEDIAN_ITERATIONS):
        weight = 1 / (exact - point).norm(dim=1).clamp_min(1e-9)
        moved = (weight[:, None] * exact).sum(0) / weight.sum()
        if torch.allclose(moved, point, rtol=1e-9, atol=1e-12):
            break
        point = moved
    return point.to(rows.dtype)
