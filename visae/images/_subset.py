"""Some of the images of a source."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from visae._support.progress import say
from visae.images._source import Images


class Subset:
    """The images of a source with these indices, in this order."""

    def __init__(self, images: Images, indices: Sequence[int]):
        self.images, self.indices = images, list(indices)
        self.name, self.size = images.name, images.size

    def __len__(self) -> int:
        return len(self.indices)

    def key(self, index: int) -> str:
        """What the image is called in its source."""
        return self.images.key(self.indices[index])

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """Pixels and digest: see `Images`."""
        return self.images.read(self.indices[index])

    def settings(self) -> dict[str, Any]:
        """Those of the source, and the indices."""
        return {**self.images.settings(), "subset": self.indices}


def evenly_spaced(images: Images, count: int) -> Images:
    """So many of the images, evenly spaced, which is said; all of them for 0, or where there are no more."""
    if count == 0 or count >= len(images):
        return images
    say(f"images: {count:,} of the {len(images):,} of {images.name}, evenly spaced")
    return Subset(images, [place * len(images) // count for place in range(count)])
