"""The store: rows of one layer on disk, in shards, with a manifest.

A folder with `manifest.json` and `shard-00000.safetensors`, ... A shard holds `rows` float16 [n, d], `position` int32
[n, 3] (image, y, x), and `sum` and `sum_of_squares` float64 [d]; its header lists the images it covers. The manifest
is written anew after every shard, so that what it lists is always whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float16, Float64, Int32
from torch import Tensor

from visae import files
from visae.errors import VisaeError
from visae.settings import refuse_other_settings

SCHEMA = 1
MANIFEST = "manifest.json"
BYTES_OF_A_POSITION = 12


@dataclass
class Shard:
    """Rows on their way to the disk, and what is known of the images they came from."""

    rows: list[Float16[Tensor, "n d"]] = field(default_factory=list)
    position: list[Int32[Tensor, "n 3"]] = field(default_factory=list)
    sum: Float64[Tensor, " d"] | float = 0.0
    sum_of_squares: Float64[Tensor, " d"] | float = 0.0

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

    settings: everything that decides the rows; a folder made with others is refused with the keys that differ.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder = folder
        self.manifest = _begun(folder, settings)

    @property
    def shards(self) -> int:
        """How many shards are whole."""
        return len(self.manifest["shards"])

    @property
    def finished(self) -> bool:
        """Whether the manifest says that nothing is missing."""
        return bool(self.manifest["state"] == "whole")

    def put(self, index: int, shard: Shard, covered: Mapping[str, Any]) -> None:
        """Write shard `index`; one that is there already, because another layer's store lagged behind, is kept."""
        if index < self.shards:
            return
        name = f"shard-{index:05d}.safetensors"
        tensors = shard.tensors(self.manifest["settings"]["dim"])
        digest = files.write_tensors(self.folder / name, tensors, {"schema": SCHEMA, **covered})
        entry = {
            "file": name,
            "rows": len(tensors["rows"]),
            "skipped": len(covered["skipped"]),
            "sha256": digest,
        }
        self.manifest["shards"].append(entry)
        files.write_json(self.folder / MANIFEST, self.manifest)

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
        files.write_json(self.folder / MANIFEST, self.manifest)


def _begun(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the folder, or that of an empty store; drops leftovers that it does not list."""
    path = folder / MANIFEST
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise VisaeError(f"{folder} is not empty and holds no {MANIFEST}; capture into a new folder")
        manifest: dict[str, Any] = {"schema": SCHEMA, "state": "partial", "settings": dict(settings), "shards": []}
        files.write_json(path, manifest)
        return manifest
    manifest = files.read_json(path, SCHEMA)
    refuse_other_settings(folder, manifest["settings"], settings)
    listed = {shard["file"] for shard in manifest["shards"]} | {MANIFEST}
    for leftover in folder.glob("*shard-*"):
        if leftover.name not in listed:
            leftover.unlink()
    return manifest
