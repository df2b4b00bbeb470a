"""Bringing batches of rows to the device on which training runs."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.activations import Rows

_AHEAD = 4
# Share of a GPU's free memory that rows may take.
_RESIDENT = 0.5

Indices = Iterator[Int64[Tensor, " b"]]


def feed(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """The rows with these indices, batch by batch, in float32 on a device.

    On a GPU they are read from a copy of all rows there if that fits, and else gathered and copied ahead of their use.
    """
    if device.type != "cuda":
        return (rows.gather(index).to(device) for index in indices)
    if len(rows) * rows.dim * 2 <= _RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return from_resident(rows, indices, device)
    return ahead(rows, indices, device)


def from_resident(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """Batches out of a copy of all rows on the device: the indices alone are sent there."""
    whole = rows.resident(device)
    for index in indices:
        # Out of pinned memory the copy does not wait for the GPU.
        sent = index.pin_memory() if device.type == "cuda" else index
        yield whole[sent.to(device, non_blocking=True)].float()


def ahead(rows: Rows, indices: Indices, device: torch.device) -> Iterator[Float[Tensor, "b d"]]:
    """Batches gathered by a thread, into pinned memory where there is a GPU to copy from it, some before their use."""

    def gathered(index: Tensor) -> Tensor:
        x = rows.gather(index)
        return x.pin_memory() if device.type == "cuda" else x

    with ThreadPoolExecutor(1, thread_name_prefix="visae-rows") as pool:
        waiting = deque(pool.submit(gathered, index) for index in islice(indices, _AHEAD))
        while waiting:
            x = waiting.popleft().result().to(device, non_blocking=True)
            waiting.extend(pool.submit(gathered, index) for index in islice(indices, 1))
            yield x
