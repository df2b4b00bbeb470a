"""What dictionaries are evaluated on: rows and images that they were not trained on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.activations import Rows
from visae.images import Images, Subset, batches, open_images
from visae.networks import Network
from visae.sae import SAE
from visae.training import TrainingConfig
from visae.training._batches import Batches

_IMAGES_A_BATCH = 16


@dataclass(frozen=True)
class HeldOut:
    """What dictionaries are evaluated on.

    rows:     a store; of the one that a dictionary was trained on, the rows of held-out images are used, of others all.
    network:  for figures that need one: loss recovered, recovery of what is planted.
    images:   for figures that need images, a source or the name of one; those trained on are left out.
    most:     images to use, at most.
    """

    rows: Rows
    network: Network | None = None
    images: Images | str | Path | None = None
    most: int = 128

    @property
    def source(self) -> Images | None:
        """The images as a source."""
        return None if self.images is None else open_images(self.images)


def held_out_rows(sae: SAE, rows: Rows) -> Iterator[Float[Tensor, "_ d"]]:
    """Batches of the rows that an SAE was not trained on; all rows of a store that it was not trained on."""
    training = _training_on(sae, rows)
    return Batches(rows, training or TrainingConfig(batch=1, holdout=0.0)).held_out()


def unseen(saes: Sequence[SAE], evidence: HeldOut) -> Iterator[Float[Tensor, "b 3 s s"]]:
    """Batches of images on which none of the SAEs was trained, told by their content."""
    source = evidence.source
    assert source is not None
    seen: dict[str, str] = {}
    for sae in saes:
        seen |= _trained_on(sae, evidence.rows)
    contents, left = set(seen.values()), evidence.most
    for batch in batches(Subset(source, _likely_unseen(source, seen, evidence)), _IMAGES_A_BATCH):
        fresh = [place for place, digest in enumerate(batch.digests) if digest not in contents][:left]
        left -= len(fresh)
        if fresh:
            yield batch.pixels[fresh].float() / 255
        if not left:
            return
    if left == evidence.most:
        raise VisaeError(f"every image of {source.name} was trained on; give others, or train with --holdout")


def _likely_unseen(source: Images, seen: Mapping[str, str], evidence: HeldOut) -> list[int]:
    """The images with names that were not trained on, in even steps, and, of another source, the others after them."""
    other = [index for index in range(len(source)) if source.key(index) not in seen]
    step = max(len(other) // evidence.most, 1)
    if source.settings() == evidence.rows.settings.get("images"):
        return other[::step]
    return other[::step] + [index for index in range(len(source)) if source.key(index) in seen]


def _trained_on(sae: SAE, rows: Rows) -> dict[str, str]:
    """Keys and digests of the images that an SAE was trained on; none if it was trained on other rows."""
    training = _training_on(sae, rows)
    if training is None:
        return {}
    held_out = set(Batches(rows, training).held_out_images.tolist())
    return {key: digest for index, (key, digest) in enumerate(rows.manifest["images"]) if index not in held_out}


def _training_on(sae: SAE, rows: Rows) -> TrainingConfig | None:
    settings = sae.about.get("settings", {})
    return TrainingConfig(**settings["training"]) if settings.get("rows") == rows.digest else None
