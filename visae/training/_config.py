"""What is trained, and how: an SAE of a sweep, and the settings independent of its kind. Does not import torch."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from visae._support.errors import VisaeError
from visae._support.settings import expect_training
from visae.sae._config import SAEConfig


class Schedule(NamedTuple):
    """What a step is to go by.

    learning_rate: Adam's.
    warmup_factor: the weight of any sparsity penalty: the progress of the warm-up, above 0 and up to 1.
    progress:      that of the whole training, above 0 and up to 1.
    """

    learning_rate: float
    warmup_factor: float = 1.0
    progress: float = 1.0


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training run.

    rows_seen: rows to train on, each counted as often as it is seen; rounded up to whole batches. Training ends earlier
              where the held-out loss stops falling.
    batch:    rows per step.
    lr:       Adam's peak learning rate.
    warmup:   share of the steps over which the learning rate, and any sparsity penalty, rise from zero.
    decay:    share of the steps, at the end, over which the learning rate falls to zero.
    holdout:  share of the images whose rows are held out for the metrics: whole images, not positions.
    revive:   how far the encoder bias of a silent feature rises per step until it fires again, in learning rates (see
              `EncoderSAE.revive`). 0 by default: what is revived makes the error larger.
    seed:     seeds the held-out images, the row order and, except for a sweep, the initial directions.
    """

    rows_seen: int = 4_000_000
    batch: int = 2048
    lr: float = 6e-3
    warmup: float = 0.05
    decay: float = 0.3
    holdout: float = 0.1
    revive: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        expect_training("rows_seen", self.rows_seen, self.batch, self.lr)
        if not 0 <= self.revive < math.inf:
            raise VisaeError(f"revive is {self.revive:g}; it must be 0 or more")
        shares = {"warmup": self.warmup, "decay": self.decay, "holdout": self.holdout}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise VisaeError(f"{name} is {share:g}; it is a share, from 0 to below 1")

    def schedule(self, step: int, steps: int) -> Schedule:
        """Return what a step goes by, 0 <= step < steps."""
        return Schedule(self.learning_rate(step, steps), self.warmup_factor(step, steps), (step + 1) / steps)

    def learning_rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, 0 <= step < steps."""
        remaining = (steps - step) / max(self.decay * steps, 1)
        return self.lr * min(self.warmup_factor(step, steps), remaining, 1.0)

    def warmup_factor(self, step: int, steps: int) -> float:
        """Return the progress of the warm-up, above 0 and up to 1."""
        return min((step + 1) / max(self.warmup * steps, 1), 1.0)


@dataclass(frozen=True)
class SAESpec:
    """One SAE of a sweep: its config, and the seed of its initial directions."""

    config: SAEConfig
    seed: int = 0
