"""Pictures that wait on the disk until all of their sheet are there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from visae._support.errors import VisaeError


class Spooled:
    """Pictures of one shape, by number, in a file: see `spooled`."""

    def __init__(self, file: IO[bytes], shape: tuple[int, ...]):
        self._file, self._shape, self._bytes = file, shape, int(np.prod(shape))
        self._there: set[int] = set()

    def put(self, number: int, picture: UInt8[np.ndarray, "..."]) -> None:
        """Lay a picture down."""
        self._file.seek(number * self._bytes)
        self._file.write(picture.tobytes())
        self._there.add(number)

    def get(self, number: int) -> UInt8[np.ndarray, "..."] | None:
        """Take a look at a picture; None where none was laid down."""
        if number not in self._there:
            return None
        self._file.seek(number * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.uint8).reshape(self._shape)


@contextmanager
def spooled(folder: Path, shape: tuple[int, ...]) -> Iterator[Spooled]:
    """A spooled for pictures of a shape, in a temporary file in `folder` that is gone afterwards, however that comes.

    Raises `VisaeError` where the folder cannot be written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            yield Spooled(file, shape)
    except OSError as error:
        raise VisaeError(f"cannot write in {folder}: {error.strerror or error}") from error
