"""Held-out data: rows and images that dictionaries were not trained on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.activations import Rows
from visae.images import Images, Subset, batches, open_images, to_float
from visae.networks import Network
from visae.sae import SAE
from visae.training import TrainingConfig
from visae.training._batches import Batches, current_settings

_IMAGES_PER_BATCH = 16


@dataclass(frozen=True)
class HeldOut:
    """Data for evaluating dictionaries, without whatever a dictionary was trained on.

    rows:        a store: if a dictionary was trained on it, only rows of held-out images are used; otherwise all rows.
    network:     for metrics that need one: loss recovered, recovery of planted features.
    images:      for metrics that need images: a source or its name.
    max_images:  maximum number of images.
    """

    rows: Rows
    network: Network | None = None
    images: Images | str | Path | None = None
    max_images: int = 128

    def rows_for(self, sae: SAE) -> Iterator[Float[Tensor, "_ d"]]:
        """Yield batches of the rows that an SAE was not trained on."""
        return held_out_rows(sae, self.rows)

    def sample_for(self, sae: SAE, count: int) -> Float[Tensor, "n d"]:
        """Return at most `count` of the rows that an SAE was not trained on, evenly spaced."""
        batches = _batches(sae, self.rows)
        images = batches.held_out_images if len(batches.held_out_images) else torch.arange(self.rows.images_read)
        total = len(images) * self.rows.rows_per_image
        index = torch.linspace(0, total - 1, min(count, total), dtype=torch.float64).long()
        image, row = images[index // self.rows.rows_per_image], index % self.rows.rows_per_image
        return self.rows.gather(image * self.rows.rows_per_image + row)

    def split_of(self, sae: SAE) -> tuple[float, int]:
        """Return what determines the rows of an SAE: those of one split are the same."""
        training = _batches(sae, self.rows).training
        return training.holdout, training.seed

    def images_for(self, saes: Sequence[SAE]) -> Iterator[Float[Tensor, "b 3 s s"]]:
        """Yield batches of images that none of the SAEs was trained on, recognised by content.

        Raises `VisaeError` if there is none.
        """
        assert self.images is not None
        source = open_images(self.images)
        trained: dict[str, str] = {}
        for sae in saes:
            trained |= _trained_on(sae, self.rows)
        digests, remaining = set(trained.values()), self.max_images
        for batch in batches(Subset(source, self._candidates(source, trained)), _IMAGES_PER_BATCH):
            fresh = [index for index, digest in enumerate(batch.digests) if digest not in digests][:remaining]
            remaining -= len(fresh)
            if fresh:
                yield to_float(batch.pixels[fresh])
            if not remaining:
                return
        if remaining == self.max_images:
            raise VisaeError(f"every image of {source.name} was trained on; give others, or train with --holdout")

    def _candidates(self, source: Images, trained: Mapping[str, str]) -> list[int]:
        """Return evenly spaced images whose names were not trained on; for another source, then the others too."""
        fresh = [index for index in range(len(source)) if source.key(index) not in trained]
        step = max(len(fresh) // self.max_images, 1)
        if source.settings() == self.rows.settings.get("images"):
            return fresh[::step]
        return fresh[::step] + [index for index in range(len(source)) if source.key(index) in trained]


def held_out_rows(sae: SAE, rows: Rows) -> Iterator[Float[Tensor, "_ d"]]:
    """Yield batches of the rows that an SAE was not trained on; all rows if it was not trained on this store."""
    return _batches(sae, rows).held_out()


def training_sample(sae: SAE, rows: Rows) -> Float[Tensor, "_ d"]:
    """Return at most 32,768 of the rows that an SAE was trained on; of all rows if it was not trained on this store."""
    return _batches(sae, rows).sample()


def _batches(sae: SAE, rows: Rows) -> Batches:
    return Batches(rows, _training_on(sae, rows) or TrainingConfig(batch=1, holdout=0.0))


def _trained_on(sae: SAE, rows: Rows) -> dict[str, str]:
    """Return keys and digests of the images that an SAE was trained on; none if it was trained on other rows."""
    training = _training_on(sae, rows)
    if training is None:
        return {}
    held_out = set(Batches(rows, training).held_out_images.tolist())
    return {key: digest for index, (key, digest) in enumerate(rows.manifest["images"]) if index not in held_out}


def _training_on(sae: SAE, rows: Rows) -> TrainingConfig | None:
    settings = sae.about.get("settings", {})
    if settings.get("rows") != rows.digest:
        return None
    return TrainingConfig(**current_settings(settings, rows)["training"])
