"""The pass over the images that are missing from some stores."""

from collections.abc import Mapping, Sequence
from contextlib import closing

import torch
from jaxtyping import Float, Float16, Int32, Int64, UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress, say
from visae.activations._positions import Positions
from visae.activations._store import Shard, Store
from visae.images import Batch, Images, batches
from visae.networks import Network

_FLOAT16_MAX = 65_504.0
_SKIPPED_SHOWN = 5


def fill(network: Network, stores: Mapping[str, Store], images: Images, positions: Positions, batch: int) -> None:
    """Capture into every store, from the shard that it lacks first, and finish them all.

    A store's shards end after its own number of images, so that its bytes do not depend on the others in the pass.
    """
    shards = {layer: Shard() for layer in stores}
    first = min(len(images), *(store.next_image for store in stores.values()))
    shown = 0
    with Progress("capture", len(images), "images", first) as progress, closing(batches(images, batch, first)) as reads:
        for read in reads:
            end = min(first + batch, len(images))
            shown = _show_skipped(read, images, shown)
            behind = [layer for layer, store in stores.items() if store.next_image <= first]
            _take(network, {layer: shards[layer] for layer in behind}, read, images, positions)
            for layer in behind:
                shards[layer] = _put_if_whole(stores[layer], shards[layer], end, images)
            progress.update(end - first)
            first = end
    for store in stores.values():
        store.finish()
    skipped = next(iter(stores.values())).skipped
    if skipped:
        say(f"capture: {skipped:,} of {len(images):,} images could not be read; the manifest has the reasons")


def _put_if_whole(store: Store, shard: Shard, end: int, images: Images) -> Shard:
    """Write a shard that covers its images up to `end` if those are all; returns the one to go on with."""
    if end not in (len(images), store.next_image + store.images_a_shard):
        return shard
    _refuse_mostly_unreadable(store, shard, images)
    store.put(shard)
    return Shard()


@torch.inference_mode()
def _take(network: Network, shards: Mapping[str, Shard], read: Batch, images: Images, positions: Positions) -> None:
    """Add a batch's images and rows to the shards of these layers."""
    for shard in shards.values():
        shard.skipped += [(images.key(index), reason) for index, reason in read.skipped]
        shard.images += zip(map(images.key, read.indices), read.digests, strict=True)
    if not read.indices:
        return
    maps = network.maps(as_images(read.pixels, network.device), list(shards))
    for layer, shard in shards.items():
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


def _show_skipped(read: Batch, images: Images, shown: int) -> int:
    """Show the first few images of the pass that could not be read; returns how many were shown so far."""
    now = read.skipped[: _SKIPPED_SHOWN - shown]
    for index, reason in now:
        say(f"capture: skipped {images.key(index)}: {reason}")
    return shown + len(now)


def _refuse_mostly_unreadable(store: Store, shard: Shard, images: Images) -> None:
    skipped = store.skipped + len(shard.skipped)
    if 2 * skipped <= len(images):
        return
    key, reason = shard.skipped[0]
    raise VisaeError(
        f"so far {skipped:,} of the {len(images):,} images of {images.name} cannot be read (for instance {key}: "
        f"{reason}); at least half must be readable"
    )
