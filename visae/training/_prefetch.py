"""Moving batches of rows to the training device ahead of use."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.activations import Rows

_BATCHES_AHEAD = 4
# Fraction of a GPU's free memory that rows may take.
_RESIDENT_SHARE = 0.5

Indices = Iterator[Int64[Tensor, " b"]]


def prefetch(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """Return the rows with these indices, batch by batch, in float32 on a device.

    A GPU reads them from a copy of all rows in its memory if that fits; else they are gathered and copied ahead of use.
    """
    if device.type != "cuda":
        return (rows.gather(index).to(device) for index in indices)
    if len(rows) * rows.dim * 2 <= _RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return from_device_memory(rows, indices, device)
    return gathered_ahead(rows, indices, device)


def from_device_memory(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """Yield batches from a copy of all rows on the device, to which only indices are sent."""
    resident = rows.load_all(device)
    for index in indices:
        # A copy from pinned memory does not wait for the GPU.
        pinned = index.pin_memory() if device.type == "cuda" else index
        yield resident[pinned.to(device, non_blocking=True)].float()


def gathered_ahead(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """Yield batches that a thread gathers some steps ahead, into pinned memory if a GPU will copy from it."""

    def gather(index: Tensor) -> Tensor:
        x = rows.gather(index)
        return x.pin_memory() if device.type == "cuda" else x

    with ThreadPoolExecutor(1, thread_name_prefix="visae-rows") as pool:
        waiting = deque(pool.submit(gather, index) for index in islice(indices, _BATCHES_AHEAD))
        while waiting:
            x = waiting.popleft().result().to(device, non_blocking=True)
            waiting.extend(pool.submit(gather, index) for index in islice(indices, 1))
            yield x
