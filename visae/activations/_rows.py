"""A finished store, to read from."""

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
from visae.activations._manifest import MANIFEST, SCHEMA, read_manifest, verify

_IN_MEMORY = 1 << 30  # bytes of rows up to which a store is held in memory


class Rows:
    """Rows of one layer, [n, d], in a finished store; row i belongs to the (i // rows_an_image)th image that was read.

    Raises `VisaeError` for a folder without a finished store, and for a shard that is not as it was written.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / MANIFEST).exists():
            raise VisaeError(
                f"{self.folder} holds no {MANIFEST}; make a store with: visae capture --out {self.folder} ..."
            )
        self.manifest = read_manifest(self.folder)
        if self.manifest["state"] != "whole":
            raise VisaeError(f"the capture into {self.folder} is unfinished; run the same capture again to finish it")
        verify(self.folder, self.manifest)
        self.settings: dict[str, Any] = self.manifest["settings"]
        self.dim: int = self.settings["dim"]
        self.rows_an_image: int = self.settings["rows_an_image"]
        self._paths = [self.folder / shard["file"] for shard in self.manifest["shards"]]
        self._starts = np.cumsum([0, *(shard["rows"] for shard in self.manifest["shards"])])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def images_read(self) -> int:
        """Images of which rows are in the store."""
        return len(self.manifest["images"])

    @property
    def images_skipped(self) -> int:
        """Images that could not be read."""
        return len(self.manifest["skipped"])

    @property
    def mean(self) -> Float64[Tensor, " d"]:
        """Mean of the rows."""
        return torch.tensor(self.manifest["mean"], dtype=torch.float64)

    @property
    def variance(self) -> Float64[Tensor, " d"]:
        """Variance of the rows, about their mean."""
        return torch.tensor(self.manifest["variance"], dtype=torch.float64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the checksums of the shards and the settings: names exactly these rows."""
        content = [self.settings, [shard["sha256"] for shard in self.manifest["shards"]]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def gather(self, index: Int64[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """The rows with these indices, in float32."""
        if self._whole is not None:
            return self._whole[index].float()
        return self._gather_from_disk(index.numpy()).float()

    def resident(self, device: torch.device | str) -> Float16[Tensor, "n d"]:
        """All rows on a device, as they are stored."""
        whole = torch.empty(len(self), self.dim, dtype=torch.float16, device=device)
        for path, start, end in zip(self._paths, self._starts, self._starts[1:], strict=False):
            whole[start:end] = files.read_tensors(path, SCHEMA, ["rows"])[0]["rows"].to(device)
        return whole

    def position(self, index: int) -> tuple[int, int, int]:
        """(image, y, x) of a row: the image's index in the source, and the place in the layer's map."""
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        shard = int(self._shards_of(np.array([index]))[0])
        tensors, _ = files.read_tensors(self._paths[shard], SCHEMA, ["position"])
        image, y, x = tensors["position"][index - int(self._starts[shard])].tolist()
        return image, y, x

    @cached_property
    def _whole(self) -> Tensor | None:
        if len(self) * self.dim * 2 > _IN_MEMORY:
            return None
        return self.resident("cpu")

    def _gather_from_disk(self, index: np.ndarray) -> Tensor:
        """Row by row: a memory map would bring whole pages, and what surrounds them, into memory for every row."""
        out = np.empty((len(index), self.dim), dtype=np.float16)
        shards = self._shards_of(index)
        for shard in np.unique(shards):
            with self._paths[shard].open("rb", buffering=0) as file:
                for place in np.flatnonzero(shards == shard):
                    file.seek(self._offsets[shard] + int(index[place] - self._starts[shard]) * self.dim * 2)
                    file.readinto(out[place])
        return torch.from_numpy(out)

    @cached_property
    def _offsets(self) -> list[int]:
        return [_offset_of_rows(path) for path in self._paths]

    def _shards_of(self, index: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, index, side="right") - 1


def _offset_of_rows(path: Path) -> int:
    """Where the rows begin: a safetensors file is a length, a JSON header, and the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, _ = json.loads(file.read(length))["rows"]["data_offsets"]
    return 8 + length + int(begin)
