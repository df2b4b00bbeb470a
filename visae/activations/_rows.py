"""Read rows from a finished store."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float16, Float64, Int64
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.paths import require_store
from visae.activations._store import SCHEMA, read_manifest, verify_shards

_IN_MEMORY = 1 << 30  # bytes; stores with at most this many bytes of rows are held in memory


class Rows:
    """The rows of one layer, [n, d], in a finished store; row i is from readable image number i // rows_per_image.

    Raises `VisaeError` for a folder without a finished store, and for missing or damaged shards.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        require_store(self.folder)
        self.manifest = read_manifest(self.folder)
        if self.manifest["state"] != "whole":
            raise VisaeError(f"the capture into {self.folder} is unfinished; run the same capture again to finish it")
        verify_shards(self.folder, self.manifest)
        self.settings: dict[str, Any] = self.manifest["settings"]
        self.dim: int = self.settings["dim"]
        self.rows_per_image: int = self.settings["rows_an_image"]
        self._paths = [self.folder / shard["file"] for shard in self.manifest["shards"]]
        self._starts = np.cumsum([0, *(shard["rows"] for shard in self.manifest["shards"])])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def images_read(self) -> int:
        """Number of images whose rows are in the store."""
        return len(self.manifest["images"])

    @property
    def images_skipped(self) -> int:
        """Number of images that could not be read."""
        return len(self.manifest["skipped"])

    @property
    def mean(self) -> Float64[Tensor, " d"]:
        """Mean of the rows."""
        return torch.tensor(self.manifest["mean"], dtype=torch.float64)

    @property
    def variance(self) -> Float64[Tensor, " d"]:
        """Variance of the rows about their mean."""
        return torch.tensor(self.manifest["variance"], dtype=torch.float64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the shards' checksums and the settings: identifies exactly these rows."""
        content = [self.settings, [shard["sha256"] for shard in self.manifest["shards"]]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def gather(self, index: Int64[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Return the rows with these indices, in float32."""
        if self._in_memory is not None:
            return self._in_memory[index].float()
        return self._gather_from_disk(index.numpy()).float()

    def load_all(self, device: torch.device | str) -> Float16[Tensor, "n d"]:
        """Load all rows to a device, in float16 as stored."""
        rows = torch.empty(len(self), self.dim, dtype=torch.float16, device=device)
        for path, start, end in zip(self._paths, self._starts, self._starts[1:], strict=False):
            rows[start:end] = files.read_tensors(path, SCHEMA, ["rows"])[0]["rows"].to(device)
        return rows

    def position(self, index: int) -> tuple[int, int, int]:
        """Return (image, y, x) of a row: the image's index in the source, and the position in the layer's map."""
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard = int(self._shards_of(np.array([index]))[0])
        tensors, _ = files.read_tensors(self._paths[shard], SCHEMA, ["position"])
        image, y, x = tensors["position"][index - int(self._starts[shard])].tolist()
        return image, y, x

    @cached_property
    def _in_memory(self) -> Tensor | None:
        if len(self) * self.dim * 2 > _IN_MEMORY:
            return None
        return self.load_all("cpu")

    def _gather_from_disk(self, index: np.ndarray) -> Tensor:
        """Read row by row: a memory map would load whole pages, and read ahead, for every row."""
        rows = np.empty((len(index), self.dim), dtype=np.float16)
        shards = self._shards_of(index)
        for shard in np.unique(shards):
            with self._paths[shard].open("rb", buffering=0) as file:
                for row in np.flatnonzero(shards == shard):
                    file.seek(self._offsets[shard] + int(index[row] - self._starts[shard]) * self.dim * 2)
                    file.readinto(rows[row])
        return torch.from_numpy(rows)

    @cached_property
    def _offsets(self) -> list[int]:
        return [_rows_offset(path) for path in self._paths]

    def _shards_of(self, index: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, index, side="right") - 1


def _rows_offset(path: Path) -> int:
    """Byte at which the rows begin: a safetensors file is a length, a JSON header, and the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, _ = json.loads(file.read(length))["rows"]["data_offsets"]
    return 8 + length + int(begin)
