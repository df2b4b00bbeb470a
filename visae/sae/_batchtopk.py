"""BatchTopK SAE (Bussmann et al. 2024, arXiv 2412.06410): k features per row, on average over a batch."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae._config import LineStyle, SAEConfig
from visae.sae._registry import register_kind
from visae.sae._sparse_code import Code, Dense, SparseCode, sparse_code, sparse_pays
from visae.sae._topk import TopK, TopKSAE
from visae.sae._topk_select import Entries, batch_threshold

# Weight of a batch in the running mean of thresholds. The code released with the paper uses 0.001, for runs a hundred
# times as long; after a thousand steps that would still remember the untrained encoder.
_BATCH_WEIGHT = 0.01
# Fraction of the running threshold above which the batch's own threshold is searched for first.
_SAFE_SHARE = 0.7
# Rows whose pre-activations are in memory together during calibration.
_PIECE = 4096


class BatchTopKSAE(TopKSAE):
    """In training, the k n largest positive pre-activations of a batch of n rows fire.

    At inference, a feature fires where it reaches `threshold`, whatever else is in the batch. While training,
    `threshold` is the running mean over batches of the smallest pre-activation that fired; then it is calibrated.
    """

    threshold: Tensor

    def __init__(self, config: SAEConfig, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__(config, dim, **parameters)
        self.register_buffer("threshold", torch.full((), -1.0))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the positive pre-activations that reach the threshold; zero elsewhere."""
        pre = self.preactivate(z)
        return torch.where(pre >= self.threshold[..., None, None].clamp_min(0), pre, 0).relu()

    @torch.no_grad()
    def calibrate(self, z: Float[Tensor, "n d"]) -> None:
        """Set the threshold that k features reach on average over these rows; zero if fewer are positive."""
        count = self.config.k * len(z)
        largest, least = z.new_zeros(0), 0.0
        for piece in torch.split(z, _PIECE):
            pre = self.preactivate(piece)
            largest = torch.cat([largest, pre[pre > least]])
            if len(largest) >= count:
                largest = largest.topk(count, sorted=False).values
                least = largest.min().item()
        self.threshold.fill_(least)

    def code(self, z: Float[Tensor, "n d"]) -> Code:
        """Return the features that the training loss decodes; the threshold follows them."""
        if sparse_pays(z.device, self.largest_k, self.width):
            code = sparse_code(z, self.encoder, self.shift, self.select, piece=len(z))
            self._follow(_smallest_fired(code, self.threshold))
            return code
        f = self._over_batch(self.preactivate(z))
        self._follow(torch.where(f > 0, f, torch.inf).detach().amin((-2, -1)))
        return Dense(f)

    def select(self, pre: Float[Tensor, "n m"], member: int) -> Entries:
        """Return the entries that fire in a batch of a member's pre-activations."""
        lower_bound = _SAFE_SHARE * max(self.threshold.view(-1)[member].item(), 0)
        threshold = batch_threshold(pre, self.configs[member].k * len(pre), lower_bound)
        rows, columns = ((pre >= threshold) & (pre > 0)).nonzero(as_tuple=True)
        return pre[rows, columns], rows, columns

    def _over_batch(self, pre: Float[Tensor, "*s n m"]) -> Float[Tensor, "*s n m"]:
        """Return the same as a dense tensor, without reading values on the host, which would wait for the GPU."""
        positive = pre.relu()
        flat = positive.detach().flatten(-2)
        largest = flat.topk(min(self.largest_k * pre.shape[-2], flat.shape[-1])).values
        rank = (self.k * pre.shape[-2] - 1).clamp_max(flat.shape[-1] - 1)
        threshold = largest.gather(-1, rank[..., None])
        return torch.where(positive >= threshold[..., None], positive, 0)

    @torch.no_grad()
    def _follow(self, smallest: Float[Tensor, "*s"]) -> None:
        if not self.training:
            return
        smallest = smallest.to(self.threshold)
        moved = torch.where(self.threshold < 0, smallest, torch.lerp(self.threshold, smallest, _BATCH_WEIGHT))
        self.threshold.copy_(torch.where(smallest.isfinite(), moved, self.threshold))


@register_kind
@dataclass(frozen=True)
class BatchTopK(TopK):
    """Settings of a BatchTopK SAE: those of TopK, except for

    k:  features that fire at a position, on average over a batch.
    """

    kind: ClassVar[str] = "batchtopk"
    sae: ClassVar[Any] = BatchTopKSAE
    summary: ClassVar[str] = "k on average over a batch, one threshold at inference"
    source: ClassVar[str] = "arXiv 2412.06410"
    style: ClassVar[LineStyle] = LineStyle("#56B4E9", "^")


def _smallest_fired(code: SparseCode, like: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """Return the smallest value that fired in each member; infinite if none did."""
    member = torch.div(code.rows, code.shape[-2], rounding_mode="floor")
    none = torch.full_like(like, torch.inf).view(-1)
    return none.scatter_reduce(0, member, code.values.detach(), "amin").view(like.shape)
