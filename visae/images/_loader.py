"""Load images: open a source by name, and read batches ahead of the consumer in threads."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.paths import LEAVES, leaves_count, nothing_at
from visae.images._dead_leaves import Leaves
from visae.images._photographs import SUFFIXES, Photographs
from visae.images._source import Images, Unreadable

# One batch for the consumer, one being decoded in the meantime.
_BATCHES_AHEAD = 2


def open_images(source: str | Path | Images, resize: int = 256, crop: int = 224, seed: int = 0) -> Images:
    """Open a folder of images, a text file that lists images, or `leaves:N`; return `Images` unchanged.

    Photographs are resized to `resize` px (short side) and centre-cropped to `crop` px; dead leaves are painted at
    `crop` px, from `seed`. Raises `VisaeError` for anything else.
    """
    if not isinstance(source, str | Path):
        return source
    if isinstance(source, str) and source.startswith(LEAVES):
        return Leaves(leaves_count(source), crop, seed)
    path = Path(source)
    if path.is_dir():
        return Photographs.from_folder(source, resize, crop)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        raise VisaeError(f"{source} is a single image; give its folder, or a text file that lists images")
    if path.is_file():
        return Photographs.from_list(source, resize, crop)
    raise nothing_at(source)


@dataclass(frozen=True, eq=False)
class Batch:
    """The readable images of one range of indices, and those that were skipped.

    pixels:           [b, 3, s, s]; b is 0 if no image of the range could be read.
    indices, digests: the images' in `pixels`, [b].
    skipped:          (index, reason) for the others.
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
    """Yield batches of the consecutive ranges [start, start + size), [start + size, start + 2 size), ...

    A batch depends only on its range, never on timing. `workers` threads read at most one batch beyond the one last
    yielded, whatever the number of images; they end with the generator, even if it is closed early. Raises `VisaeError`
    for a size or a number of workers below 1, and for a negative start.
    """
    if size < 1 or workers < 1 or start < 0:
        given = f"batches of {size} from image {start} with {workers} workers"
        raise VisaeError(f"found {given}; expected at least 1 image, a start from 0, and at least 1 worker")
    return _stream(images, size, start, workers)


def _stream(images: Images, size: int, start: int, workers: int) -> Generator[Batch, None, None]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="visae-images")
    try:
        ahead: deque[Future[_Read | tuple[int, str]]] = deque()
        remaining = iter(range(start, len(images)))
        for first in range(start, len(images), size):
            missing = _BATCHES_AHEAD * size - len(ahead)
            ahead.extend(pool.submit(_read, images, index) for index in islice(remaining, missing))
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
    for image, read in zip(pixels, reads, strict=True):
        image.copy_(read.pixels)
    indices, digests = tuple(read.index for read in reads), tuple(read.digest for read in reads)
    return Batch(pixels, indices, digests, tuple(skip for skip in outcomes if not isinstance(skip, _Read)))
