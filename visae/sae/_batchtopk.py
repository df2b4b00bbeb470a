"""BatchTopK SAE (Bussmann et al. 2024, arXiv 2412.06410): k features a row on average over a batch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae._algebra import random_directions, untied
from visae.sae._base import SAE, SAEConfig
from visae.sae._sparse_code import Code, Dense, SparseCode, sparse_code, sparse_pays
from visae.sae._topk import TopK, TopKSAE
from visae.sae._topk_select import Entries, batch_threshold

# Weight of a batch in the running mean of thresholds. The code released with the paper has 0.001, for runs a hundred
# times as long; in a thousand steps that would remember the untrained encoder.
_FORGET = 0.01
# Share of the running threshold above which the sparse_code of a batch are looked for first.
_SAFE = 0.7


@dataclass(frozen=True)
class BatchTopK(TopK):
    """The recipe of a BatchTopK SAE: the settings of TopK, with k the mean number of features at a position."""

    kind: ClassVar[str] = "batchtopk"

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        start = random_directions(self.width, dim, generator)
        return BatchTopKSAE(self, dim, decoder=start, **untied(start))


class BatchTopKSAE(TopKSAE):
    """While training, the k n largest positive pre-activations of a batch of n rows fire.

    Otherwise all those that reach `threshold` fire, whatever else is in the batch: the running mean, over batches, of
    the smallest pre-activation that won.
    """

    threshold: Tensor

    def __init__(self, recipe: SAEConfig, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__(recipe, dim, **parameters)
        self.register_buffer("threshold", torch.full((), -1.0))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The positive pre-activations that are not below the threshold; zero elsewhere."""
        pre = self.preactivate(z)
        return torch.where(pre >= self.threshold[..., None, None].clamp_min(0), pre, 0).relu()

    def code(self, z: Float[Tensor, "n d"]) -> Code:
        """The features that the training loss decodes; the threshold follows them."""
        if sparse_pays(z.device, self.most, self.width):
            code = sparse_code(z, self.encoder, self.shift, self.choose, piece=len(z))
            self._follow(_smallest_winner(code, self.threshold))
            return code
        f = self._over_batch(self.preactivate(z))
        self._follow(torch.where(f > 0, f, torch.inf).detach().amin((-2, -1)))
        return Dense(f)

    def choose(self, pre: Float[Tensor, "n m"], member: int) -> Entries:
        """The pre-activations that fire in a batch of a member's."""
        guess = _SAFE * max(self.threshold.view(-1)[member].item(), 0)
        weakest = batch_threshold(pre, self.configs[member].k * len(pre), guess)
        rows, places = ((pre >= weakest) & (pre > 0)).nonzero(as_tuple=True)
        return pre[rows, places], rows, places

    def _over_batch(self, pre: Float[Tensor, "*s n m"]) -> Float[Tensor, "*s n m"]:
        """The same, written out; without looking at numbers on the host, which would wait for the GPU."""
        positive = pre.relu()
        flat = positive.detach().flatten(-2)
        largest = flat.topk(min(self.most * pre.shape[-2], flat.shape[-1])).values
        rank = (self.k * pre.shape[-2] - 1).clamp_max(flat.shape[-1] - 1)
        weakest = largest.gather(-1, rank[..., None])
        return torch.where(positive >= weakest[..., None], positive, 0)

    @torch.no_grad()
    def _follow(self, weakest: Float[Tensor, "*s"]) -> None:
        weakest = weakest.to(self.threshold)
        moved = torch.where(self.threshold < 0, weakest, torch.lerp(self.threshold, weakest, _FORGET))
        self.threshold.copy_(torch.where(weakest.isfinite(), moved, self.threshold))


def _smallest_winner(code: SparseCode, like: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """For each member, the smallest value that fired; infinite if none did."""
    member = torch.div(code.rows, code.shape[-2], rounding_mode="floor")
    none = torch.full_like(like, torch.inf).view(-1)
    return none.scatter_reduce(0, member, code.values.detach(), "amin").view(like.shape)
