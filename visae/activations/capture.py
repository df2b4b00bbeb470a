"""Capture: images through a network, stopped at the last layer needed, into stores of rows."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float16, Int32, Int64, UInt8
from torch import Tensor

from visae.activations.positions import Policy, Positions
from visae.activations.rows import Rows
from visae.activations.store import BYTES_OF_A_POSITION, Shard, Store
from visae.errors import VisaeError
from visae.images import Batch, Images, batches, open_images
from visae.progress import Progress, say
from visae.zoo.network import Network

_ROWS_A_SHARD = 65_536
_FLOAT16_MAX = 65_504.0
_SKIPPED_SHOWN = 5


def capture(
    network: Network,
    layer: str,
    images: str | Path | Images,
    out: str | Path,
    positions: int = 64,
    policy: Policy = "magnitude",
    border: int = 0,
    resize: int = 256,
    crop: int = 224,
    batch: int = 32,
    seed: int = 0,
    max_disk: int | None = None,
) -> Rows:
    """Rows of one layer, in a store at `out`: see `capture_layers`."""
    chosen = Positions(policy, positions, border, seed)
    source = open_images(images, resize, crop, seed)
    return capture_layers(network, {layer: Path(out)}, source, chosen, batch, max_disk)[layer]


def capture_layers(
    network: Network,
    layers: Mapping[str, Path],
    images: Images,
    positions: Positions,
    batch: int = 32,
    max_disk: int | None = None,
) -> dict[str, Rows]:
    """Rows of several layers in one pass over the images, each layer in a store of its own.

    layers:    the folder of each layer's store. An unfinished one is continued after its last whole shard and ends
               with the same bytes; a finished one is not touched.
    max_disk:  bytes that the stores may take together; what would be larger is refused before it starts.

    Raises `VisaeError` for a store made with other settings, for too little space, for values that float16 cannot
    hold, and where more than half of the images cannot be read.
    """
    shapes = _map_shapes(network, list(layers), images.size)
    settings = {layer: _settings(network, layer, shapes[layer], images, positions, batch) for layer in layers}
    needed = {layer: _bytes(settings[layer], len(images)) for layer in layers}
    stores = {layer: Store(folder, settings[layer]) for layer, folder in layers.items()}
    if not all(store.finished for store in stores.values()):
        _announce(settings, needed, len(images))
        _refuse_too_large(stores, needed, max_disk)
        _fill(network, stores, images, positions, batch)
        for store in stores.values():
            store.finish()
    return {layer: Rows(folder) for layer, folder in layers.items()}


@dataclass
class _Part:
    """What one shard of every layer collects."""

    shards: dict[str, Shard]
    images: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def _fill(network: Network, stores: Mapping[str, Store], images: Images, positions: Positions, batch: int) -> None:
    an_image = max(store.manifest["settings"]["rows_an_image"] for store in stores.values())
    batches_a_shard = max(_ROWS_A_SHARD // (an_image * batch), 1)
    whole = min(store.shards for store in stores.values())
    start = whole * batches_a_shard * batch
    skipped = sum(shard["skipped"] for shard in next(iter(stores.values())).manifest["shards"][:whole])
    part = _Part({layer: Shard() for layer in stores})
    with Progress("capture", len(images), "images", min(start, len(images))) as progress:
        for number, read in enumerate(batches(images, batch, start), whole * batches_a_shard + 1):
            _take(network, part, read, images, positions)
            progress.update(len(read.indices) + len(read.skipped))
            last = number * batch >= len(images)
            if number % batches_a_shard == 0 or last:
                skipped += len(part.skipped)
                _refuse_mostly_unreadable(part, skipped, images)
                for layer, store in stores.items():
                    covered = {"images": part.images, "skipped": part.skipped}
                    store.put((number - 1) // batches_a_shard, part.shards[layer], covered)
                part = _Part({layer: Shard() for layer in stores})
    if skipped:
        say(f"capture: {skipped:,} of {len(images):,} images could not be read; the manifest has the reasons")


@torch.inference_mode()
def _take(network: Network, part: _Part, read: Batch, images: Images, positions: Positions) -> None:
    for index, reason in read.skipped:
        part.skipped.append((images.key(index), reason))
        if len(part.skipped) <= _SKIPPED_SHOWN:
            say(f"capture: skipped {images.key(index)}: {reason}")
    part.images += [(images.key(index), digest) for index, digest in zip(read.indices, read.digests, strict=True)]
    if not read.indices:
        return
    maps = network.maps(as_images(read.pixels, network.device), list(part.shards))
    for layer, shard in part.shards.items():
        chosen = positions.choose(maps[layer], read.indices)
        rows = rows_at(maps[layer], chosen)
        shard.add(_as_float16(rows, layer), _places(chosen, read.indices, maps[layer].shape[3]))


def as_images(pixels: UInt8[Tensor, "b 3 h w"], device: torch.device) -> Float[Tensor, "b 3 h w"]:
    """Pixels as a network takes them: 0..1, channels last."""
    moved = pixels.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
    return moved.float() / 255


def rows_at(maps: Float[Tensor, "b c h w"], chosen: Int64[Tensor, "b p"]) -> Float[Tensor, "n c"]:
    """The activation vectors at the chosen positions y * w + x, image by image."""
    b, c, h, w = maps.shape
    flat = maps.permute(0, 2, 3, 1).reshape(b * h * w, c)
    first = torch.arange(b, device=maps.device)[:, None] * (h * w)
    return flat[(first + chosen).flatten()]


def _as_float16(rows: Float[Tensor, "n d"], layer: str) -> Float16[Tensor, "n d"]:
    largest = rows.abs().max().item()
    # Written so that NaN, which compares as false, is refused too.
    if not largest <= _FLOAT16_MAX:
        raise VisaeError(
            f"{layer} has a value of {largest:g}, a store holds at most {_FLOAT16_MAX:g} (float16); "
            "scale the network's activations or choose another layer"
        )
    return rows.half().cpu()


def _places(chosen: Int64[Tensor, "b p"], images: Sequence[int], width: int) -> Int32[Tensor, "n 3"]:
    chosen = chosen.cpu()
    image = torch.tensor(images)[:, None].expand_as(chosen)
    return torch.stack([image, chosen // width, chosen % width], -1).flatten(0, 1).int()


@torch.inference_mode()
def _map_shapes(network: Network, layers: Sequence[str], size: int) -> dict[str, tuple[int, int, int]]:
    if not layers:
        raise VisaeError(f"no layer to capture; name one, for instance {next(iter(network.layers))}")
    maps = network.maps(torch.zeros(1, 3, size, size), layers)
    return {layer: (maps[layer].shape[1], maps[layer].shape[2], maps[layer].shape[3]) for layer in layers}


def _settings(
    network: Network,
    layer: str,
    shape: tuple[int, int, int],
    images: Images,
    positions: Positions,
    batch: int,
) -> dict[str, Any]:
    dim, height, width = shape
    return {
        "network": network.name,
        "weights": network.digest,
        "layer": layer,
        "dim": dim,
        "map": [height, width],
        "rows_an_image": positions.an_image(height, width),
        "positions": asdict(positions),
        "images": images.settings(),
        "batch": batch,
    }


def _bytes(settings: Mapping[str, Any], images: int) -> int:
    return int(images * settings["rows_an_image"] * (2 * settings["dim"] + BYTES_OF_A_POSITION))


def _announce(settings: Mapping[str, Mapping[str, Any]], needed: Mapping[str, int], images: int) -> None:
    for layer, of_layer in settings.items():
        rows = images * of_layer["rows_an_image"]
        say(f"capture: {rows:,} rows of {of_layer['dim']} from {layer}, {needed[layer] / 1e6:,.1f} MB on disk")


def _refuse_too_large(stores: Mapping[str, Store], needed: Mapping[str, int], max_disk: int | None) -> None:
    total = sum(needed.values())
    if max_disk is not None and total > max_disk:
        raise VisaeError(
            f"the capture needs {total / 1e9:.3f} GB, --max-disk allows {max_disk / 1e9:.3f} GB; "
            "take fewer positions or images, or allow more"
        )
    for layer, store in stores.items():
        free = shutil.disk_usage(store.folder).free
        missing = total if len(stores) > 1 else needed[layer]
        if missing > free:
            raise VisaeError(
                f"the capture needs {missing / 1e9:.3f} GB, the disk of {store.folder} has {free / 1e9:.3f} GB free; "
                "make room, or take fewer positions or images"
            )


def _refuse_mostly_unreadable(part: _Part, skipped: int, images: Images) -> None:
    if 2 * skipped <= len(images):
        return
    key, reason = part.skipped[0]
    raise VisaeError(
        f"{skipped:,} of the {len(images):,} images of {images.name} cannot be read (for instance {key}: {reason}); "
        "at least half must be readable"
    )
