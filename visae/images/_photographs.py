"""Photographs from a folder, or from a list of files."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae.images._decode import decode
from visae.images._source import Unreadable

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_SMALLEST_CROP_PX = 8


class Photographs:
    """Image files with paths `keys` below `folder`. Implements `Images`.

    resize: px, short side after resizing.  crop: px, side of the square cut from the centre.

    Raises `VisaeError` for a crop larger than `resize`, or below 8 px.
    """

    def __init__(self, folder: Path, keys: Sequence[str], name: str, resize: int = 256, crop: int = 224):
        if crop < _SMALLEST_CROP_PX or crop > resize:
            expected = f"a crop from {_SMALLEST_CROP_PX} px up to the resized short side"
            raise VisaeError(f"found crop {crop} and resize {resize}, expected {expected}; change one of them")
        self.name, self.size, self.resize = name, crop, resize
        self._folder, self._keys = folder, tuple(keys)

    @classmethod
    def from_folder(cls, path: str | Path, resize: int = 256, crop: int = 224) -> "Photographs":
        """All images below a folder, sorted by their relative posix paths.

        Files are selected by suffix, case-insensitively. Hidden files and folders are excluded; links to folders
        are followed, but each folder is visited once, so cycles of links end.
        Raises `VisaeError` if `path` is not a folder, cannot be listed, or holds no images.
        """
        folder = Path(path)
        if not folder.is_dir():
            what = "a file" if folder.exists() else "nothing"
            raise VisaeError(f"found {what} at {path}, expected a folder of images; check the path")
        files = list(_walk(folder))
        keys = sorted(file for file in files if PurePath(file).suffix.lower() in SUFFIXES)
        if not keys:
            raise VisaeError(f"no images in {path}: {_suffix_counts(files)}; expected one of {' '.join(SUFFIXES)}")
        return cls(folder, keys, str(path), resize, crop)

    @classmethod
    def from_list(cls, path: str | Path, resize: int = 256, crop: int = 224) -> "Photographs":
        """The images listed in a text file, in its order: one path per line, relative to the list's folder.

        Blank lines and lines that start with # are skipped. Raises `VisaeError` for a list that is not UTF-8 text or is
        empty, or if none of its files exists.
        """
        listing = Path(path)
        try:
            lines = [line.strip() for line in listing.read_text(encoding="utf-8-sig").splitlines()]
        except OSError as error:
            raise VisaeError(f"cannot read the list {path}: {error.strerror}; check the path") from None
        except UnicodeDecodeError:
            raise VisaeError(f"{path} is not UTF-8 text; expected a list of images, one path per line") from None
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise VisaeError(f"the list {path} names no image in {len(lines)} lines; expected one path per line")
        if not any(os.path.lexists(listing.parent / key) for key in keys):
            raise VisaeError(
                f"none of the {len(keys)} lines of {path} names an existing file, the first is {keys[0][:80]!r};"
                f" expected a list of images, one path per line, relative to {listing.parent}"
            )
        return cls(listing.parent, keys, str(path), resize, crop)

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> str:
        """The posix path of image `index`, relative to the folder, or as written in the list."""
        return self._keys[self._checked(index)]

    def read(self, index: int) -> tuple[UInt8[Tensor, "3 s s"], str]:
        """RGB pixels, and the SHA-256 of the file's bytes; raises `Unreadable` with the reason."""
        data = _bytes(self._folder / self._keys[self._checked(index)])
        return decode(data, self.resize, self.size), hashlib.sha256(data).hexdigest()

    def settings(self) -> dict[str, Any]:
        """A digest of the file names, and the geometry; the files' content is identified by the digests of `read`."""
        names = hashlib.sha256(b"\0".join(os.fsencode(key) for key in self._keys)).hexdigest()
        geometry = {"resize": self.resize, "crop": self.size}
        return {"kind": "files", "count": len(self), "keys_sha256": names, **geometry}

    def _checked(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return index


def _walk(folder: Path) -> Iterator[str]:
    """The relative posix paths of all files, hidden ones excluded."""
    visited = {os.path.realpath(folder)}
    for parent, folders, files in os.walk(folder, onerror=_raise_unlistable, followlinks=True):
        folders[:] = [name for name in sorted(folders) if _is_new(parent, name, visited)]
        below = Path(parent).relative_to(folder)
        yield from ((below / name).as_posix() for name in files if not name.startswith("."))


def _is_new(parent: str, name: str, visited: set[str]) -> bool:
    real = os.path.realpath(os.path.join(parent, name))
    if name.startswith(".") or real in visited:
        return False
    visited.add(real)
    return True


def _raise_unlistable(error: OSError) -> None:
    raise VisaeError(f"cannot list {error.filename}: {error.strerror}; expected a readable folder")


def _suffix_counts(files: Sequence[str]) -> str:
    """Describe the counts of file suffixes, the most frequent first."""
    counts = Counter(PurePath(file).suffix.lower() or "no suffix" for file in files).most_common()
    listed = ", ".join(f"{suffix} ({count})" for suffix, count in counts[:5])
    rest = f" and {len(counts) - 5} more suffixes" if len(counts) > 5 else ""
    return f"found {len(files)} other files: {listed}{rest}" if files else "found no files at all"


def _bytes(path: Path) -> bytes:
    try:
        # Reading a pipe named like a photograph would block forever.
        if path.exists() and not path.is_file():
            raise Unreadable("a folder or device, not a file")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from error
    except ValueError as error:
        # An impossible file name, for instance with a NUL in it.
        raise Unreadable(str(error)) from error
