"""The store: rows of one layer on disk, in shards, with a manifest.

A folder with `manifest.json` and `shard-00000.safetensors`, ... A shard holds `rows` float16 [n, d], `position` int32
[n, 3] (image, y, x), and `sum` and `sum_of_squares` float64 [d]; its header lists the images it covers, each with the
digest of what was read. The manifest is written anew after every shard, so that what it lists is always whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float16, Float64, Int32
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.settings import refuse_other_settings
from visae.activations._manifest import MANIFEST, SCHEMA, read_manifest, verify


@dataclass
class Shard:
    """Rows on their way to the disk, and the images they came from: (key, digest), or (key, reason) if skipped."""

    rows: list[Float16[Tensor, "_ d"]] = field(default_factory=list)
    position: list[Int32[Tensor, "_ 3"]] = field(default_factory=list)
    sum: Float64[Tensor, " d"] | float = 0.0
    sum_of_squares: Float64[Tensor, " d"] | float = 0.0
    images: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, rows: Float16[Tensor, "n d"], position: Int32[Tensor, "n 3"]) -> None:
        """Take rows; the sums are of the values as stored."""
        exact = rows.double()
        self.rows.append(rows)
        self.position.append(position)
        self.sum = self.sum + exact.sum(0)
        self.sum_of_squares = self.sum_of_squares + exact.square().sum(0)

    def tensors(self, dim: int) -> dict[str, Tensor]:
        """What the file holds."""
        nothing = torch.zeros(dim, dtype=torch.float64)
        return {
            "rows": torch.cat([torch.empty(0, dim, dtype=torch.float16), *self.rows]),
            "position": torch.cat([torch.empty(0, 3, dtype=torch.int32), *self.position]),
            "sum": nothing + self.sum,
            "sum_of_squares": nothing + self.sum_of_squares,
        }


class Store:
    """A store being written. Opening a folder that holds an unfinished capture with the same settings continues it.

    settings: everything that decides the rows and the shards; a folder made with others is refused with the keys that
              differ. Nothing is written before the first shard.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder = folder
        files.drop_leftovers(folder)
        begun = (folder / MANIFEST).exists()
        self.manifest = _continued(folder, settings) if begun else _new(folder, settings)

    @property
    def images_a_shard(self) -> int:
        """How many images a shard covers; the last one covers what is left."""
        return int(self.manifest["settings"]["images_a_shard"])

    @property
    def next_image(self) -> int:
        """The first image that no whole shard covers; beyond the last one if all are covered."""
        return len(self.manifest["shards"]) * self.images_a_shard

    @property
    def skipped(self) -> int:
        """How many images of the whole shards could not be read."""
        return sum(shard["skipped"] for shard in self.manifest["shards"])

    @property
    def finished(self) -> bool:
        """Whether the manifest says that nothing is missing."""
        return bool(self.manifest["state"] == "whole")

    def put(self, shard: Shard) -> None:
        """Write the next shard."""
        if not self.manifest["shards"]:
            # Before the shard, so that a folder with a shard is never one without a manifest, which is refused.
            self._write()
        name = f"shard-{len(self.manifest['shards']):05d}.safetensors"
        tensors = shard.tensors(self.manifest["settings"]["dim"])
        header = {"schema": SCHEMA, "images": shard.images, "skipped": shard.skipped}
        digest = files.write_tensors(self.folder / name, tensors, header)
        entry = {"file": name, "rows": len(tensors["rows"]), "skipped": len(shard.skipped), "sha256": digest}
        self.manifest["shards"].append(entry)
        self._write()

    def finish(self) -> None:
        """Sum up: the number of rows, their mean and variance, the images read and skipped."""
        total = total_of_squares = torch.zeros(self.manifest["settings"]["dim"], dtype=torch.float64)
        images: list[Sequence[Any]] = []
        skipped: list[Sequence[Any]] = []
        for shard in self.manifest["shards"]:
            tensors, header = files.read_tensors(self.folder / shard["file"], SCHEMA, ["sum", "sum_of_squares"])
            total = total + tensors["sum"]
            total_of_squares = total_of_squares + tensors["sum_of_squares"]
            images += header["images"]
            skipped += header["skipped"]
        rows = sum(shard["rows"] for shard in self.manifest["shards"])
        mean = total / max(rows, 1)
        variance = (total_of_squares / max(rows, 1) - mean.square()).clamp_min(0)
        self.manifest |= {
            "state": "whole",
            "rows": rows,
            "mean": mean.tolist(),
            "variance": variance.tolist(),
            "images": images,
            "skipped": skipped,
        }
        self._write()

    def _write(self) -> None:
        files.write_json(self.folder / MANIFEST, self.manifest)


def _new(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise VisaeError(f"{folder} is not an empty folder and holds no {MANIFEST}; capture into a new folder")
    return {"schema": SCHEMA, "state": "partial", "settings": dict(settings), "shards": []}


def _continued(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the folder, whose shards are whole. One that it does not list yet will be written over."""
    manifest = read_manifest(folder)
    refuse_other_settings(folder, manifest["settings"], settings)
    if manifest["state"] == "partial":
        verify(folder, manifest)
    return manifest
