"""One pass over images: forward them once, and write the rows that stores still lack."""

from collections.abc import Mapping, Sequence
from contextlib import closing

import torch
from jaxtyping import Float, Float16, Int32, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress, say
from visae.activations._positions import Positions
from visae.activations._store import Shard, Store
from visae.images import Batch, Images, batches, to_float
from visae.networks import Network

_FLOAT16_MAX = 65_504.0
_MAX_PRINTED = 5  # skipped images reported one by one


def capture_pass(
    network: Network, stores: Mapping[str, Store], images: Images, positions: Positions, batch: int
) -> None:
    """Capture into the store of each layer, starting at the first shard that any of them lacks, and finish all.

    Each store has its own number of images per shard, so its bytes do not depend on the other layers in the pass.
    """
    shards = {layer: Shard() for layer in stores}
    first = min(len(images), *(store.next_image for store in stores.values()))
    printed = 0
    with Progress("capture", len(images), "images", first) as progress, closing(batches(images, batch, first)) as reads:
        for read in reads:
            end = min(first + batch, len(images))
            printed = _print_skipped(read, images, printed)
            behind = [layer for layer, store in stores.items() if store.next_image <= first]
            _add_batch(network, {layer: shards[layer] for layer in behind}, read, images, positions)
            for layer in behind:
                shards[layer] = _write_if_complete(stores[layer], shards[layer], end, images)
            progress.update(end - first)
            first = end
    for store in stores.values():
        store.finish()
    skipped = next(iter(stores.values())).skipped
    if skipped:
        say(f"capture: {skipped:,} of {len(images):,} images could not be read; the manifest lists the reasons")


def _write_if_complete(store: Store, shard: Shard, end: int, images: Images) -> Shard:
    """Write the shard if it is complete with the images before `end`; return the shard to continue with."""
    if end not in (len(images), store.next_image + store.images_per_shard):
        return shard
    _refuse_mostly_unreadable(store, shard, images)
    store.put(shard)
    return Shard()


@torch.inference_mode()
def _add_batch(
    network: Network, shards: Mapping[str, Shard], read: Batch, images: Images, positions: Positions
) -> None:
    """Add a batch's images and rows to the shards of these layers."""
    for shard in shards.values():
        shard.skipped += [(images.key(index), reason) for index, reason in read.skipped]
        shard.images += zip(map(images.key, read.indices), read.digests, strict=True)
    if not read.indices:
        return
    maps = network.maps(to_float(read.pixels, network.device), list(shards))
    for layer, shard in shards.items():
        chosen = positions.choose(maps[layer], read.indices)
        rows = rows_at(maps[layer], chosen)
        shard.add(_as_float16(rows, layer), _coordinates(chosen, read.indices, maps[layer].shape[3]))


def rows_at(maps: Float[Tensor, "b c h w"], chosen: Int64[Tensor, "b p"]) -> Float[Tensor, "n c"]:
    """Return the activation vectors at the chosen positions y * w + x, image by image."""
    b, c, h, w = maps.shape
    flat = maps.permute(0, 2, 3, 1).reshape(b * h * w, c)
    first = torch.arange(b, device=maps.device)[:, None] * (h * w)
    return flat[(first + chosen).flatten()]


def _as_float16(rows: Float[Tensor, "n d"], layer: str) -> Float16[Tensor, "n d"]:
    largest = rows.abs().max().item()
    # Written so that NaN, for which every comparison is false, is rejected too.
    if not largest <= _FLOAT16_MAX:
        raise VisaeError(
            f"{layer} has a value of {largest:g}, but a store holds at most {_FLOAT16_MAX:g} (float16); "
            "scale the network's activations or choose another layer"
        )
    return rows.half().cpu()


def _coordinates(chosen: Int64[Tensor, "b p"], images: Sequence[int], width: int) -> Int32[Tensor, "n 3"]:
    """(image, y, x) of each row."""
    chosen = chosen.cpu()
    image = torch.tensor(images)[:, None].expand_as(chosen)
    return torch.stack([image, chosen // width, chosen % width], -1).flatten(0, 1).int()


def _print_skipped(read: Batch, images: Images, printed: int) -> int:
    """Report the first few unreadable images of the pass; return how many have been reported so far."""
    reported = read.skipped[: _MAX_PRINTED - printed]
    for index, reason in reported:
        say(f"capture: skipped {images.key(index)}: {reason}")
    return printed + len(reported)


def _refuse_mostly_unreadable(store: Store, shard: Shard, images: Images) -> None:
    skipped = store.skipped + len(shard.skipped)
    if 2 * skipped <= len(images):
        return
    key, reason = shard.skipped[0]
    raise VisaeError(
        f"so far {skipped:,} of the {len(images):,} images of {images.name} cannot be read (for instance {key}: "
        f"{reason}); at least half must be readable"
    )
