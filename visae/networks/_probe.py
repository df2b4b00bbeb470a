"""What a position of a layer sees, found by experiment: a NaN in the image reaches what depends on it, and no more."""

from collections.abc import Callable

import torch
from torch import Tensor


# cuDNN may convolve in tiles (Winograd, FFT), and would spread a NaN over a whole one.
@torch.backends.cudnn.flags(enabled=False)
@torch.inference_mode()
def receptive_range(
    read: Callable[[Tensor], Tensor], position: int, size: int, device: torch.device | str = "cpu"
) -> tuple[int, int]:
    """The first and last column, in px, of the image that a column of a layer's maps depends on.

    read:      from images [1, 3, size, size] to the layer's maps.
    position:  the column of the maps.

    Finds both ends by bisection, 2 log2(size) forward passes. A network that looks at the whole image in one step
    (squeeze-and-excitation, attention) sees it all: (0, size - 1).
    """

    def reached(first: int, last: int) -> bool:
        images = torch.zeros(1, 3, size, size, device=device)
        images[..., first:last] = torch.nan
        return bool(read(images)[..., position].isnan().any())

    first = _bisect(size, lambda column: reached(0, column + 1))
    last = size - 1 - _bisect(size, lambda column: reached(size - 1 - column, size))
    return first, last


def _bisect(size: int, reached: Callable[[int], bool]) -> int:
    """The smallest of 0..size-1 for which `reached` holds, given that it stays true from there on."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low
