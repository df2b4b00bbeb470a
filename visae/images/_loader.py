"""Batches of images, decoded in threads ahead of whoever consumes them."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae.images._source import Images, Unreadable

# One batch for the consumer, one being decoded meanwhile.
_BATCHES_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Batch:
    """The readable images of one range of the index, and what was skipped.

    `pixels` [b, 3, s, s] and `indices`, `digests` [b] belong together; `skipped` holds (index, reason).
    A batch of which nothing could be read has pixels of shape [0, 3, s, s].
    """

    pixels: UInt8[Tensor, "b 3 s s"]
    indices: tuple[int, ...]
    digests: tuple[str, ...]
    skipped: tuple[tuple[int, str], ...]


@dataclass(frozen=True, eq=False)
class _Read:
    index: int
    pixels: UInt8[Tensor, "3 s s"]
    digest: str


def batches(images: Images, size: int = 32, start: int = 0, workers: int = 2) -> Generator[Batch, None, None]:
    """Batches of the consecutive ranges [start, start + size), [start + size, start + 2 size), ...

    What a batch holds depends on its range alone, never on timing. `workers` threads decode at most two
    batches beyond the one last given out, whatever the number of images; they end with the generator,
    also when it is closed early. Raises `VisaeError` for counts that make no sense.
    """
    if size < 1 or workers < 1 or start < 0:
        found = f"batches of {size} from image {start} with {workers} workers"
        raise VisaeError(f"found {found}; expected at least 1 image, a start from 0, and at least 1 worker")
    return _stream(images, size, start, workers)


def _stream(images: Images, size: int, start: int, workers: int) -> Generator[Batch, None, None]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="visae-images")
    try:
        ahead: deque[Future[_Read | tuple[int, str]]] = deque()
        todo = iter(range(start, len(images)))
        for first in range(start, len(images), size):
            wanted = _BATCHES_AHEAD * size - len(ahead)
            ahead.extend(pool.submit(_read, images, index) for index in islice(todo, wanted))
            count = min(size, len(images) - first)
            yield _batch([ahead.popleft().result() for _ in range(count)], images.size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(images: Images, index: int) -> _Read | tuple[int, str]:
    try:
        return _Read(index, *images.read(index))
    except Unreadable as error:
        return index, str(error)


def _batch(outcomes: Sequence[_Read | tuple[int, str]], side: int) -> Batch:
    reads = [outcome for outcome in outcomes if isinstance(outcome, _Read)]
    pixels = torch.empty((len(reads), 3, side, side), dtype=torch.uint8)
    for place, read in zip(pixels, reads, strict=True):
        place.copy_(read.pixels)
    indices, digests = tuple(read.index for read in reads), tuple(read.digest for read in reads)
    return Batch(pixels, indices, digests, tuple(skip for skip in outcomes if not isinstance(skip, _Read)))
