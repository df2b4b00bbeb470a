"""Capture: images through a network, stopped at the last layer needed, into stores of rows."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae.activations._capture_pass import fill
from visae.activations._disk_space import announce, refuse_too_large
from visae.activations._positions import Policy, Positions
from visae.activations._rows import Rows
from visae.activations._store import Store
from visae.images import Images, open_images
from visae.networks import Network

_ROWS_A_SHARD = 65_536


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
               with the same bytes; a finished one is not touched, and its images are not read again.
    max_disk:  bytes that the stores may take together; what would be larger is refused before it starts.

    The settings name the images; their content is told by the digests in the manifest, which are of what was read.

    Raises `VisaeError` for a store made with other settings, for too little space, for values that float16 cannot
    hold, and where more than half of the images cannot be read.
    """
    if batch < 1:
        raise VisaeError(f"a batch of {batch} images was asked for; it must be at least 1")
    shapes = network.map_shapes(list(layers), images.size)
    settings = {layer: _settings(network, layer, shapes[layer], images, positions, batch) for layer in layers}
    stores = {layer: Store(folder, settings[layer]) for layer, folder in layers.items()}
    unfinished = {layer: store for layer, store in stores.items() if not store.finished}
    if unfinished:
        announce([settings[layer] for layer in unfinished], len(images))
        refuse_too_large(list(stores.values()), len(images), max_disk)
        fill(network, unfinished, images, positions, batch)
    return {layer: Rows(folder) for layer, folder in layers.items()}


def _settings(
    network: Network,
    layer: str,
    shape: tuple[int, int, int],
    images: Images,
    positions: Positions,
    batch: int,
) -> dict[str, Any]:
    dim, height, width = shape
    rows_an_image = positions.an_image(height, width)
    return {
        "network": network.name,
        "weights": network.digest,
        "layer": layer,
        "dim": dim,
        "map": [height, width],
        "rows_an_image": rows_an_image,
        "positions": asdict(positions),
        "images": images.settings(),
        "batch": batch,
        "images_a_shard": batch * max(_ROWS_A_SHARD // (rows_an_image * batch), 1),
    }
