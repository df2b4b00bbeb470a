"""Maps of chosen units over chosen images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae.examples._collector import read_in_chunks
from visae.images import Images, Subset, batches, to_float
from visae.units import Units

_BATCH = 16  # images


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """One image, and the maps of some units over all of it.

    image:  index in the source.
    pixels: RGB.
    maps:   [h, w] by unit.
    """

    image: int
    pixels: UInt8[Tensor, "3 s s"]
    maps: dict[int, Float[Tensor, "h w"]]


def activation_maps(units: Units, requests: Mapping[int, Sequence[int]], images: Images) -> Iterator[ActivationMaps]:
    """Compute maps over some of the images, one image at a time, in ascending order of index.

    requests: the units whose maps to compute, by image index.

    Each image is read and run once, however many units request it; one that can no longer be read is left out.
    """
    requested = Subset(images, sorted(requests))
    with Progress("maps", len(requested), "images") as progress, closing(batches(requested, _BATCH)) as reads:
        for batch in reads:
            if batch.indices:
                order = [requested.indices[index] for index in batch.indices]
                maps = _maps(units, batch.pixels, [requests[image] for image in order])
                for image, pixels, image_maps in zip(order, batch.pixels, maps, strict=True):
                    yield ActivationMaps(image, pixels, dict(zip(requests[image], image_maps, strict=True)))
            progress.update(len(batch.indices) + len(batch.skipped))


@torch.inference_mode()
def _maps(
    units: Units, pixels: UInt8[Tensor, "b 3 s s"], requests: Sequence[Sequence[int]]
) -> list[Float[Tensor, "_ h w"]]:
    """Compute the maps of the units requested for each image."""
    maps = units.network.maps(to_float(pixels, units.network.device), [units.layer.name])[units.layer.name]
    responses = (image_maps for _, chunk in read_in_chunks(units, maps) for image_maps in chunk)
    return [image_maps[list(chosen)].cpu() for image_maps, chosen in zip(responses, requests, strict=True)]
