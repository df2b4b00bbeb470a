"""How much room a capture takes, and refusing one for which there is too little."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae._support.progress import say
from visae.activations._store import Store

_BYTES_OF_A_POSITION = 12


def announce(settings: Sequence[Mapping[str, Any]], images: int) -> None:
    """Show what each layer's store will hold, and its size."""
    for of_layer in settings:
        rows = images * of_layer["rows_an_image"]
        size = _readable(needed(of_layer, images))
        say(f"capture: {rows:,} rows of {of_layer['dim']} from {of_layer['layer']}, {size} on disk")


def needed(settings: Mapping[str, Any], images: int) -> int:
    """Bytes of the rows of so many images and their positions; names and digests of the images come on top."""
    return int(images * settings["rows_an_image"] * (2 * settings["dim"] + _BYTES_OF_A_POSITION))


def refuse_too_large(stores: Sequence[Store], images: int, max_disk: int | None) -> None:
    """Raise `VisaeError` if the stores will be larger than `max_disk` together, or than what is free for the rest."""
    total = sum(needed(store.manifest["settings"], images) for store in stores)
    if max_disk is not None and total > max_disk:
        raise VisaeError(
            f"the capture needs {_exactly(total)}, --max-disk allows {_exactly(max_disk)}; "
            "take fewer positions or images, or allow more"
        )
    missing: dict[int, int] = defaultdict(int)
    for store in stores:
        disk, free = _disk(store.folder)
        missing[disk] += needed(store.manifest["settings"], max(images - store.next_image, 0))
        if missing[disk] > free:
            raise VisaeError(
                f"the capture needs {_exactly(missing[disk])} more, {_exactly(free)} are free on the disk of "
                f"{store.folder}; make room, or take fewer positions or images"
            )


def _exactly(size: int) -> str:
    return f"{size:,} bytes ({_readable(size)})"


def _readable(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _disk(folder: Path) -> tuple[int, int]:
    """Which disk a folder, there already or not, lies on, and how many bytes are free there."""
    absolute = folder.absolute()
    place = next(place for place in (absolute, *absolute.parents) if place.exists())
    return place.stat().st_dev, shutil.disk_usage(place).free
