"""Disk space of a capture: announce it, and reject captures that do not fit."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae._support.progress import say
from visae.activations._store import Store

_BYTES_PER_POSITION = 12


def announce(settings: Sequence[Mapping[str, Any]], images: int) -> None:
    """Print the rows that each layer's store will hold, and its size."""
    for layer in settings:
        rows = images * layer["rows_an_image"]
        size = _readable(needed(layer, images))
        say(f"capture: {rows:,} rows of {layer['dim']} from {layer['layer']}, {size} on disk")


def needed(settings: Mapping[str, Any], images: int) -> int:
    """Bytes of the rows and positions of `images` images, without the images' names and digests."""
    return int(images * settings["rows_an_image"] * (2 * settings["dim"] + _BYTES_PER_POSITION))


def refuse_too_large(stores: Sequence[Store], images: int, max_disk: int | None) -> None:
    """Raise `VisaeError` if the stores together exceed `max_disk`, or if what is missing exceeds the free space."""
    total = sum(needed(store.manifest["settings"], images) for store in stores)
    if max_disk is not None and total > max_disk:
        raise VisaeError(
            f"the capture needs {_exact(total)}, but --max-disk allows {_exact(max_disk)}; "
            "capture fewer positions or images, or allow more"
        )
    missing: dict[int, int] = defaultdict(int)
    for store in stores:
        disk, free = _disk(store.folder)
        missing[disk] += needed(store.manifest["settings"], max(images - store.next_image, 0))
        if missing[disk] > free:
            raise VisaeError(
                f"the capture needs {_exact(missing[disk])} more, but {_exact(free)} are free on the disk of "
                f"{store.folder}; free some space, or capture fewer positions or images"
            )


def _exact(size: int) -> str:
    return f"{size:,} bytes ({_readable(size)})"


def _readable(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _disk(folder: Path) -> tuple[int, int]:
    """Return the device of a folder, which need not exist yet, and the bytes free there."""
    absolute = folder.absolute()
    existing = next(path for path in (absolute, *absolute.parents) if path.exists())
    return existing.stat().st_dev, shutil.disk_usage(existing).free
