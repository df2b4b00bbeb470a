"""Batches: the training rows and their order, and the held-out rows."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.activations import Rows
from visae.sae import SAEConfig, TrainedConfig, kinds
from visae.training._config import TrainingConfig

_HELD_OUT_BATCH = 8192
_SAMPLE = 32_768  # rows on which an SAE is initialised


class Batches:
    """The rows of a store, split by image; every epoch in a new order over the whole store.

    The order depends only on the seed and the epoch, so training can resume at any step.
    """

    def __init__(self, rows: Rows, training: TrainingConfig):
        self.rows, self.training = rows, training
        order = torch.randperm(rows.images_read, generator=generator(training.seed, "holdout"))
        held_out = _held_out_count(rows, training.holdout)
        self.held_out_images = order[:held_out].sort().values
        self._images = order[held_out:].sort().values
        self._count = len(self._images) * rows.rows_per_image
        self.per_epoch = self._count // training.batch
        if self.per_epoch < 1:
            raise VisaeError(
                f"a batch is {training.batch:,} rows, but {rows.folder} has {self._count:,} to train on; "
                "capture more rows or train with a smaller batch"
            )
        self.steps = math.ceil(training.rows_seen / training.batch)

    def from_step(self, step: int) -> Iterator[Int64[Tensor, " b"]]:
        """Yield the store indices of the rows of steps `step`, `step + 1`, ... to the end."""
        size = self.training.batch
        for epoch in range(step // self.per_epoch, math.ceil(self.steps / self.per_epoch)):
            shuffle = generator(self.training.seed, "order", epoch)
            order = torch.randperm(
                self._count, generator=shuffle, dtype=torch.int64 if self._count >> 31 else torch.int32
            )
            last = min(self.per_epoch, self.steps - epoch * self.per_epoch)
            for index in range(step - epoch * self.per_epoch, last):
                yield self._store_index(self._images, order[index * size : (index + 1) * size].long())
            step = (epoch + 1) * self.per_epoch

    def held_out(self) -> Iterator[Float[Tensor, "b d"]]:
        """Yield the rows of the held-out images, in order; of all images if none are held out."""
        images = self._measured_images
        index = torch.arange(len(images) * self.rows.rows_per_image)
        for part in torch.split(index, _HELD_OUT_BATCH):
            yield self.rows.gather(self._store_index(images, part))

    def held_out_sample(self, count: int = _HELD_OUT_BATCH) -> Float[Tensor, "b d"]:
        """Return at most `count` of those rows, the same ones in every call."""
        images = self._measured_images
        every = torch.randperm(
            len(images) * self.rows.rows_per_image, generator=generator(self.training.seed, "held-out sample")
        )
        return self.rows.gather(self._store_index(images, every[:count]))

    def sample(self, count: int = _SAMPLE) -> Float[Tensor, "b d"]:
        """Return at most `count` of the training rows, the same ones in every call."""
        order = torch.randperm(self._count, generator=generator(self.training.seed, "sample"))[:count]
        return self.rows.gather(self._store_index(self._images, order))

    def current_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return a member's settings as this version writes them (see `current_settings`)."""
        return current_settings(settings, self.rows)

    @property
    def _measured_images(self) -> Int64[Tensor, " i"]:
        return self.held_out_images if len(self.held_out_images) else self._images

    def _store_index(self, images: Int64[Tensor, " i"], index: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
        """Convert indices among the rows of some images to indices in the store."""
        rows_per_image = self.rows.rows_per_image
        return images[index // rows_per_image] * rows_per_image + index % rows_per_image


def current_settings(settings: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    """Return the settings of a member as this version writes them.

    Older versions counted epochs, not rows seen, and froze nothing.
    """
    training, config = dict(settings.get("training", {})), dict(settings.get("config", {}))
    if "epochs" in training:
        images = rows.images_read - _held_out_count(rows, training["holdout"])
        per_epoch = images * rows.rows_per_image // training["batch"]
        training["rows_seen"] = training.pop("epochs") * per_epoch * training["batch"]
    if issubclass(kinds().get(settings.get("kind", ""), SAEConfig), TrainedConfig):
        config.setdefault("freeze", "none")
    return {**settings, "training": training, "config": config}


def _held_out_count(rows: Rows, holdout: float) -> int:
    """Return how many images are held out: at least one of a share above 0, and never all."""
    return min(max(round(holdout * rows.images_read), holdout > 0), rows.images_read - 1)
