"""A finished store, to read from."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae import files
from visae.activations.store import MANIFEST, SCHEMA
from visae.errors import VisaeError

_IN_MEMORY = 1 << 30  # bytes of rows up to which a store is held in memory
_GATHERS_A_MAP = 64  # gathers after which memory maps are opened anew, so that their pages do not pile up


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
        self.manifest = files.read_json(self.folder / MANIFEST, SCHEMA)
        if self.manifest["state"] != "whole":
            raise VisaeError(f"the capture into {self.folder} is unfinished; run the same capture again to finish it")
        self.settings: dict[str, Any] = self.manifest["settings"]
        self.dim: int = self.settings["dim"]
        self.rows_an_image: int = self.settings["rows_an_image"]
        self._starts = np.cumsum([0, *(shard["rows"] for shard in self.manifest["shards"])])
        self._verify()

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
        return self._gather_from_disk(index.numpy())

    def position(self, index: int) -> tuple[int, int, int]:
        """(image, y, x) of a row: the image's index in the source, and the place in the layer's map."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        path = self.folder / self.manifest["shards"][shard]["file"]
        tensors, _ = files.read_tensors(path, SCHEMA, ["position"])
        image, y, x = tensors["position"][index - int(self._starts[shard])].tolist()
        return image, y, x

    @cached_property
    def _whole(self) -> Tensor | None:
        if len(self) * self.dim * 2 > _IN_MEMORY:
            return None
        paths = [self.folder / shard["file"] for shard in self.manifest["shards"]]
        return torch.cat([files.read_tensors(path, SCHEMA, ["rows"])[0]["rows"] for path in paths])

    def _gather_from_disk(self, index: np.ndarray) -> Tensor:
        self._gathers = getattr(self, "_gathers", -1) + 1
        if self._gathers % _GATHERS_A_MAP == 0:
            self._maps = [_mapped(self.folder / shard["file"]) for shard in self.manifest["shards"]]
        out = np.empty((len(index), self.dim), dtype=np.float32)
        shards = np.searchsorted(self._starts, index, side="right") - 1
        for shard in np.unique(shards):
            mine = shards == shard
            out[mine] = self._maps[shard][index[mine] - self._starts[shard]]
        return torch.from_numpy(out)

    def _verify(self) -> None:
        for shard in self.manifest["shards"]:
            path = self.folder / shard["file"]
            if not path.exists() or files.sha256(path) != shard["sha256"]:
                raise VisaeError(
                    f"{path} is missing or damaged (its SHA-256 should be {shard['sha256']}); capture again"
                )


def _mapped(path: Path) -> np.ndarray:
    """The rows of a shard as a memory map: a safetensors file is a length, a JSON header, and the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))["rows"]
    offset = 8 + length + entry["data_offsets"][0]
    return np.memmap(path, np.float16, "r", offset, tuple(entry["shape"]))
