"""Units' maps over chosen images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae.examples._pieces import in_pieces
from visae.images import Images, Subset, batches, to_float
from visae.units import Units

_IMAGES_A_BATCH = 16


@dataclass(frozen=True, eq=False)
class Heat:
    """One image, and the maps of some units over the whole of it.

    image:  index in the source.  pixels: RGB.  maps: [h, w] of each unit, by its number.
    """

    image: int
    pixels: UInt8[Tensor, "3 s s"]
    maps: dict[int, Float[Tensor, "h w"]]


def heat_maps(units: Units, wanted: Mapping[int, Sequence[int]], images: Images) -> Iterator[Heat]:
    """The maps over some images of the units that each of them is wanted for, image by image in their order.

    wanted: units, by the image's index. Each image is read and run once, whatever their number; one that cannot be read
            any more is left out.
    """
    some = Subset(images, sorted(wanted))
    with Progress("maps", len(some), "images") as progress, closing(batches(some, _IMAGES_A_BATCH)) as reads:
        for batch in reads:
            if batch.indices:
                order = [some.indices[index] for index in batch.indices]
                for place, maps in enumerate(_maps(units, batch.pixels, [wanted[image] for image in order])):
                    yield Heat(order[place], batch.pixels[place], dict(zip(wanted[order[place]], maps, strict=True)))
            progress.update(len(batch.indices) + len(batch.skipped))


@torch.inference_mode()
def _maps(
    units: Units, pixels: UInt8[Tensor, "b 3 s s"], wanted: Sequence[Sequence[int]]
) -> list[Float[Tensor, "_ h w"]]:
    """For each image the maps of the units it is wanted for."""
    maps = units.network.maps(to_float(pixels, units.network.device), [units.layer.name])[units.layer.name]
    read = (of_image for _, piece in in_pieces(units, maps) for of_image in piece)
    return [of_image[list(some)].cpu() for of_image, some in zip(read, wanted, strict=True)]
