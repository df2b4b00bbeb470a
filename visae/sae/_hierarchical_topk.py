"""Hierarchical TopK SAE (Balagansky et al. 2025, arXiv 2505.24473): one SAE that is good at every k up to K."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._base import Losses
from visae.sae._config import LineStyle
from visae.sae._registry import register_kind
from visae.sae._topk import TopK, TopKSAE


class HierarchicalTopKSAE(TopKSAE):
    """A TopK SAE whose loss is the mean error of the reconstructions from the strongest 1, 2, ..., k features.

    loss = 1/k sum_(j=1..k) |z - f^(j) decoder - bias|^2 / d + aux_weight * AuxK, with f^(j) the j strongest features
    (equation 4 of the paper, with every budget up to k). `with_budget` returns the SAE with fewer than k features per
    row.
    """

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension, the mean over budgets; and `aux` (see `auxk`) of the whole."""
        pre = self.preactivate(z)
        values, columns = pre.topk(self.largest_k, dim=-1)
        rank = torch.arange(self.largest_k, device=z.device)
        is_used = rank < self.k[..., None]
        values = values.relu() * is_used[..., None, :]
        added = values[..., None] * self._directions(columns)
        residual = z[..., None, :] - self.bias[..., None, None, :] - added.cumsum(-2)
        errors = residual.square().sum(-1).mean(-2) / self.dim
        terms = {"error": (errors * is_used).sum(-1) / self.k}
        if self.config.aux_k:
            terms["aux"] = self.aux(z, z - residual[..., -1, :])
        fired = torch.zeros_like(pre, dtype=torch.bool).scatter(-1, columns, values > 0)
        return Losses(terms, fired.any(-2))

    def _directions(self, columns: Tensor) -> Tensor:
        """Return the decoder's rows of features, [*s, n, k, d], given their numbers in each member, [*s, n, k]."""
        width, dim = self.decoder.shape[-2:]
        if self.decoder.ndim == 3:
            columns = columns + width * torch.arange(len(self.decoder), device=columns.device)[:, None, None]
        return F.embedding(columns, self.decoder.reshape(-1, dim))

    def with_budget(self, k: int) -> "HierarchicalTopKSAE":
        """Return the same SAE with k features per row; raises `VisaeError` for more than it was trained for."""
        if not 1 <= k <= self.config.k:
            raise VisaeError(
                f"the budget is {k}, but the SAE was trained for 1 to {self.config.k}; choose one of these"
            )
        sae = deepcopy(self)
        sae.configs = (replace(self.config, k=k),)
        sae.k.fill_(k)
        return sae


@register_kind
@dataclass(frozen=True)
class HierarchicalTopK(TopK):
    """Settings of a hierarchical TopK SAE: those of TopK, where

    k:  features that may fire at one position; every smaller number is trained for too.
    """

    kind: ClassVar[str] = "htopk"
    sae: ClassVar[Any] = HierarchicalTopKSAE
    summary: ClassVar[str] = "one SAE that is good at every k up to its own"
    source: ClassVar[str] = "arXiv 2505.24473"
    style: ClassVar[LineStyle] = LineStyle("#4d4d9f", "H")
