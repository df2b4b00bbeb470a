"""Sources of images: the interface they implement, and subsets."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor

from visae._support.progress import say


class Unreadable(Exception):  # noqa: N818 - the outcome of a read, not a program error
    """An image that could not be read; the text is the reason, in one line."""


@runtime_checkable
class Images(Protocol):
    """Square images in a fixed order, each with a key; reading one never depends on the others.

    `name` is the user's name for the source, such as "photos/" or "leaves:2000"; `size` is the side of an image, px.
    """

    name: str
    size: int

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The name of image `index`: a relative posix path, or "leaf 17"."""
        ...

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """RGB pixels, and the SHA-256 of the file's bytes, or of the pixels if there is no file.

        Thread-safe. Raises `Unreadable` with the reason.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Everything that determines what `read` returns, as JSON."""
        ...


class Subset:
    """The images of a source with the given indices, in the given order. Implements `Images`."""

    def __init__(self, images: Images, indices: Sequence[int]):
        self.images, self.indices = images, list(indices)
        self.name, self.size = images.name, images.size

    def __len__(self) -> int:
        return len(self.indices)

    def key(self, index: int) -> str:
        """The image's name in its source."""
        return self.images.key(self.indices[index])

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """Pixels and digest: see `Images`."""
        return self.images.read(self.indices[index])

    def settings(self) -> dict[str, Any]:
        """The source's settings, and the indices."""
        return {**self.images.settings(), "subset": self.indices}


def evenly_spaced(images: Images, count: int) -> Images:
    """Select `count` evenly spaced images, and report it; all images for 0, or if there are no more than `count`."""
    if count == 0 or count >= len(images):
        return images
    say(f"images: {count:,} of the {len(images):,} of {images.name}, evenly spaced")
    return Subset(images, pick_evenly(range(len(images)), count))


def pick_evenly(items: Sequence[int], count: int) -> list[int]:
    """Return at most `count` of the items, evenly spaced in their order."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]
