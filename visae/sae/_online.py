"""Online dictionary learning (Mairal et al. 2010, JMLR 11): directions move after every batch."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae._config import LineStyle
from visae.sae._dictionary_learning import DictionaryLearning, DictionaryLearningSAE
from visae.sae._registry import register_kind

# How fast what early batches said is forgotten: the sums are scaled by (1 - 1 / t)^rate at batch t (section 3.4.2).
_FORGETTING = 15.0
_BATCHES_PER_CALIBRATION = 16
_REPLACE_AFTER = 50_000  # rows without firing


class OnlineSAE(DictionaryLearningSAE):
    """After each batch, one sweep of block coordinate descent over the directions that it used (algorithm 2).

    decoder_j = normalise((products_j - moments_j decoder) / moments_jj + decoder_j), with sums that forget early codes.
    Features that have not fired for 50,000 rows are pointed at badly explained rows.

    batches_seen: batches since the start.
    """

    training_only: ClassVar[tuple[str, ...]] = (*DictionaryLearningSAE.training_only, "batches_seen")

    batches_seen: Tensor

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Take the first directions, and start the sums."""
        super().initialise(z)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def update(self, z: Float[Tensor, "n d"], residual: Float[Tensor, "n d"]) -> bool:
        """Move the directions, and forget a little."""
        self.batches_seen += 1
        batch = int(self.batches_seen)
        self._sweep()
        self.replace(self.rows_since_fired > _REPLACE_AFTER, z, residual)
        kept = (1 - 1 / (batch + 1)) ** _FORGETTING
        self.moments *= kept
        self.products *= kept
        return batch % _BATCHES_PER_CALIBRATION == 1

    def _sweep(self) -> None:
        total = self.moments.diagonal()
        for feature in (total > 1e-6 * total.amax()).nonzero()[:, 0].tolist():
            own = (self.products[feature] - self.moments[feature] @ self.decoder) / total[feature]
            moved = own + self.decoder[feature]
            self.decoder[feature] = moved / moved.norm().clamp_min(1e-12)


@register_kind
@dataclass(frozen=True)
class Online(DictionaryLearning):
    """Settings of a dictionary learned online, a little from every batch."""

    kind: ClassVar[str] = "online"
    sae: ClassVar[Any] = OnlineSAE
    summary: ClassVar[str] = "pursuit, and directions that move after every batch"
    source: ClassVar[str] = "Mairal et al. 2010"
    style: ClassVar[LineStyle] = LineStyle("#2166AC", "8")
