"""The store: rows of one layer on disk, in shards, with a manifest.

A folder with `manifest.json` and `shard-00000.safetensors`, ... A shard holds `rows` float16 [n, d], `position` int32
[n, 3] (image, y, x), and `sum` and `sum_of_squares` float64 [d]; its header lists the images it covers, each with the
digest of the content read. The manifest is rewritten after every shard, so the shards it lists are always complete.
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
from visae._support.paths import MANIFEST
from visae._support.progress import Progress
from visae._support.settings import refuse_other_settings

SCHEMA = 1
_PARTIAL = ("schema", "state", "settings", "shards")
_KEYS = {
    "partial": _PARTIAL,
    "whole": (*_PARTIAL, "rows", "mean", "variance", "images", "skipped"),
}


@dataclass
class Shard:
    """Rows that are not on disk yet, and their images as (key, digest); skipped images as (key, reason)."""

    rows: list[Float16[Tensor, "_ d"]] = field(default_factory=list)
    position: list[Int32[Tensor, "_ 3"]] = field(default_factory=list)
    sum: Float64[Tensor, " d"] | float = 0.0
    sum_of_squares: Float64[Tensor, " d"] | float = 0.0
    images: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, rows: Float16[Tensor, "n d"], position: Int32[Tensor, "n 3"]) -> None:
        """Append rows; the sums are over the values as stored."""
        exact = rows.double()
        self.rows.append(rows)
        self.position.append(position)
        self.sum = self.sum + exact.sum(0)
        self.sum_of_squares = self.sum_of_squares + exact.square().sum(0)

    def tensors(self, dim: int) -> dict[str, Tensor]:
        """The tensors of the shard's file; `dim` is their width if there are no rows."""
        zeros = torch.zeros(dim, dtype=torch.float64)
        return {
            "rows": torch.cat([torch.empty(0, dim, dtype=torch.float16), *self.rows]),
            "position": torch.cat([torch.empty(0, 3, dtype=torch.int32), *self.position]),
            "sum": zeros + self.sum,
            "sum_of_squares": zeros + self.sum_of_squares,
        }


class Store:
    """A store being written. A folder with an unfinished capture with the same settings is resumed.

    settings: everything that determines the rows and the shards. A folder made with other settings is rejected, naming
              the keys that differ.

    Nothing is written before the first shard.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder = folder
        files.drop_leftovers(folder)
        exists = (folder / MANIFEST).exists()
        self.manifest = _manifest_to_continue(folder, settings) if exists else _new_manifest(folder, settings)

    @property
    def images_per_shard(self) -> int:
        """Images covered by each shard; the last one covers the remainder."""
        return int(self.manifest["settings"]["images_a_shard"])

    @property
    def next_image(self) -> int:
        """The first image that no shard on disk covers; not below the number of images if all are covered."""
        return len(self.manifest["shards"]) * self.images_per_shard

    @property
    def skipped(self) -> int:
        """Number of unreadable images among the shards on disk."""
        return sum(shard["skipped"] for shard in self.manifest["shards"])

    @property
    def finished(self) -> bool:
        """Whether the capture is complete."""
        return bool(self.manifest["state"] == "whole")

    def put(self, shard: Shard) -> None:
        """Write the next shard."""
        if not self.manifest["shards"]:
            # Before the shard: a folder with a shard but no manifest would be rejected.
            self._write_manifest()
        name = f"shard-{len(self.manifest['shards']):05d}.safetensors"
        tensors = shard.tensors(self.manifest["settings"]["dim"])
        header = {"schema": SCHEMA, "images": shard.images, "skipped": shard.skipped}
        digest = files.write_tensors(self.folder / name, tensors, header)
        entry = {"file": name, "rows": len(tensors["rows"]), "skipped": len(shard.skipped), "sha256": digest}
        self.manifest["shards"].append(entry)
        self._write_manifest()

    def finish(self) -> None:
        """Complete the manifest: the number of rows, their mean and variance, the images read and skipped."""
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
        self._write_manifest()

    def _write_manifest(self) -> None:
        files.write_json(self.folder / MANIFEST, self.manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a store's manifest; raises `VisaeError` for another schema, an unknown state, and unexpected keys."""
    path = folder / MANIFEST
    manifest = files.read_json(path, SCHEMA)
    state = manifest.get("state")
    if state not in _KEYS:
        raise VisaeError(
            f"{path} has state {state!r}, expected {' or '.join(_KEYS)}; delete {folder} and capture again"
        )
    files.expect_keys(manifest, _KEYS[state], path)
    return manifest


def verify_shards(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `VisaeError` unless every shard in the manifest exists and has its checksum."""
    with Progress(f"checking {folder}", len(manifest["shards"]), "shards") as progress:
        for shard in manifest["shards"]:
            path = folder / shard["file"]
            if not path.exists() or files.sha256(path) != shard["sha256"]:
                raise VisaeError(
                    f"{path} is missing or damaged (its SHA-256 should be {shard['sha256']}); "
                    f"delete {folder} and capture again"
                )
            progress.update(1)


def _new_manifest(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise VisaeError(f"{folder} is not an empty folder and holds no {MANIFEST}; capture into a new folder")
    return {"schema": SCHEMA, "state": "partial", "settings": dict(settings), "shards": []}


def _manifest_to_continue(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read the manifest and verify its shards. A shard file not yet listed will be overwritten."""
    manifest = read_manifest(folder)
    refuse_other_settings(folder, manifest["settings"], settings)
    if manifest["state"] == "partial":
        verify_shards(folder, manifest)
    return manifest
