"""What a source of images is, whoever implements it."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor


class Unreadable(Exception):  # noqa: N818 - it is the outcome of a read, not a fault of the program
    """One image that could not be read; its text is the reason, in one line."""


@runtime_checkable
class Images(Protocol):
    """Square images in a fixed order, each with a key; reading one never depends on the others.

    `name` is what the user called the source, as "photos/" or "leaves:2000"; `size` the side of an image, px.
    """

    name: str
    size: int

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """What image `index` is called: a relative posix path, or "leaf 17"."""
        ...

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """RGB pixels, and the SHA-256 of the file's bytes, or of the pixels where there is no file.

        Safe to call from many threads. Raises `Unreadable` with the reason.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Everything that decides what `read` returns, as JSON."""
        ...
