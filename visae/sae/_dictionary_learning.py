"""Dictionary learning without gradients: rows are coded by the current directions, which then follow from the codes."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae._base import Losses
from visae.sae._config import TrainedConfig
from visae.sae._pursuit import Pursuit
from visae.sae._sparse_coding import FixedDirections, PursuitSAE

# The share of the training over which the features that fire grow from one to k.
_GROWTH = 0.25


class DictionaryLearningSAE(PursuitSAE):
    """A dictionary that learns from the sums over rows of f^T f and f^T x, x = z - bias, whatever the number of rows.

    One feature fires at first, and k after a quarter of the training: directions that must do alone settle on what
    occurs alone; several from the start settle on mixtures that explain as much, and on others with another seed.

    moments: [m, m], sum of f^T f;  products: [m, d], sum of f^T x;  rows_seen: rows since the start.
    """

    training_only: ClassVar[tuple[str, ...]] = (*PursuitSAE.training_only, "moments", "products", "rows_seen")
    learns: ClassVar[bool] = True

    moments: Tensor
    products: Tensor
    rows_seen: Tensor

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Take the first directions, and start the sums."""
        super().initialise(z)
        self.register_buffer("moments", self.decoder.new_zeros(self.width, self.width))
        self.register_buffer("products", torch.zeros_like(self.decoder))
        self.register_buffer("rows_seen", torch.zeros((), dtype=torch.int64))
        if "start" in self._buffers:
            self.start.copy_(self.decoder)

    @property
    def first_count(self) -> float:
        """Features that fire on average before any training."""
        return 1.0

    @torch.no_grad()
    def learn(self, z: Float[Tensor, "n d"], progress: float = 1.0) -> Losses:
        """Code a batch of rows and learn from it; `error`, per dimension, is that of before."""
        code, x = self.code(z), z - self.bias
        f = code.dense(self.width)
        residual = x - f @ self.decoder
        self.rows_seen += len(z)
        self._add(code, f, x)
        before = self.decoder.clone()
        is_due = self.update(z, residual)
        if "decoder" in self.frozen:
            self.decoder.copy_(before)
        self.hold_to_start()
        if is_due:
            self.set_min_gain(z, 1 + min(progress / _GROWTH, 1) * (self.config.k - 1))
        return Losses({"error": residual.square().sum(1).mean() / self.dim}, (f > 0).any(0))

    @abstractmethod
    def update(self, z: Float[Tensor, "n d"], residual: Float[Tensor, "n d"]) -> bool:
        """Change the directions, given the batch that was added last and what its codes leave.

        Return whether `min_gain` is to follow.
        """

    def replace(self, unused: Bool[Tensor, " m"], z: Float[Tensor, "n d"], residual: Float[Tensor, "n d"]) -> None:
        """Point unused features at the rows that are explained worst."""
        # Silent rows have no direction, and rows that are explained do not need another.
        errors = residual.square().sum(1) * ((z - self.bias).square().sum(1) > 0)
        lost = unused.nonzero()[:, 0][: int((errors > 0).sum())]
        worst = errors.topk(len(lost)).indices
        self.decoder[lost] = F.normalize(z[worst] - self.bias, dim=1)
        self.rows_since_fired[lost] = 0

    def _add(self, code: Pursuit, f: Float[Tensor, "n m"], x: Float[Tensor, "n d"]) -> None:
        pairs = code.features[:, :, None] * self.width + code.features[:, None]
        products = code.values[:, :, None] * code.values[:, None]
        self.moments.view(-1).index_add_(0, pairs.flatten(), products.flatten())
        self.products.addmm_(f.T, x)


@dataclass(frozen=True)
class DictionaryLearning(FixedDirections, TrainedConfig):
    """Settings of a kind that learns its directions without gradients."""

    baseline: ClassVar[bool] = False
    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {"decoder": ("decoder",), "soft-decoder": ()}

    def __post_init__(self) -> None:
        FixedDirections.__post_init__(self)
        TrainedConfig.__post_init__(self)
