"""Capture: run images through a network, stopped after the last layer needed, and store rows of activations."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae.activations._capture_pass import capture_pass
from visae.activations._disk_space import announce, refuse_too_large
from visae.activations._positions import Policy, Positions
from visae.activations._rows import Rows
from visae.activations._store import Store
from visae.images import Images, open_images
from visae.networks import Network

_ROWS_PER_SHARD = 65_536


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
    """Capture rows of one layer into a store at `out`: see `capture_layers`, `Positions` and `open_images`."""
    sampling = Positions(policy, positions, border, seed)
    source = open_images(images, resize, crop, seed)
    return capture_layers(network, {layer: Path(out)}, source, sampling, batch, max_disk)[layer]


def capture_layers(
    network: Network,
    layers: Mapping[str, Path],
    images: Images,
    positions: Positions,
    batch: int = 32,
    max_disk: int | None = None,
) -> dict[str, Rows]:
    """Capture rows of several layers in one pass over the images, each layer into its own store.

    layers:    folder of each layer's store. An unfinished store is resumed after its last complete shard, and ends with
               the same bytes; a finished one is not touched, and its images are not read again.
    batch:     images per forward pass.
    max_disk:  bytes that the stores may occupy together; a larger capture is refused before it starts.

    The compared settings are the source's (`Images.settings`); the digests in the manifest are of the content read.

    Raises `VisaeError` for a store made with other settings, for too little disk space, for values that float16 cannot
    hold, and if more than half of the images cannot be read.
    """
    if batch < 1:
        raise VisaeError(f"found a batch of {batch} images, expected at least 1")
    shapes = network.map_shapes(list(layers), images.size)
    settings = {layer: _settings(network, layer, shapes[layer], images, positions, batch) for layer in layers}
    stores = {layer: Store(folder, settings[layer]) for layer, folder in layers.items()}
    unfinished = {layer: store for layer, store in stores.items() if not store.finished}
    if unfinished:
        announce([settings[layer] for layer in unfinished], len(images))
        refuse_too_large(list(stores.values()), len(images), max_disk)
        capture_pass(network, unfinished, images, positions, batch)
    return {layer: Rows(folder) for layer, folder in layers.items()}


def _settings(
    network: Network,
    layer: str,
    shape: tuple[int, int, int],
    images: Images,
    positions: Positions,
    batch: int,
) -> dict[str, Any]:
    """Everything that determines a store's bytes, under the keys of its manifest."""
    dim, height, width = shape
    rows_per_image = positions.per_image(height, width)
    return {
        "network": network.name,
        "weights": network.digest,
        "layer": layer,
        "dim": dim,
        "map": [height, width],
        "rows_an_image": rows_per_image,
        "positions": asdict(positions),
        "images": images.settings(),
        "batch": batch,
        "images_a_shard": batch * max(_ROWS_PER_SHARD // (rows_per_image * batch), 1),
    }
