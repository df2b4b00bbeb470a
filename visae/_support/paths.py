"""Checking paths given by the user, before torch is imported and work begins."""

import tempfile
from pathlib import Path

from visae._support.errors import VisaeError

DICTIONARY, MANIFEST = "sae.safetensors", "manifest.json"
LEAVES = "leaves:"


def require_dictionary(path: str | Path) -> Path:
    """Return a dictionary's file, given the file or its folder; raises `VisaeError` if there is none."""
    path = Path(path)
    file = path / DICTIONARY if path.is_dir() else path
    if not file.exists():
        folder = file.parent if file.suffix else file
        below = folder / "dictionary"
        advice = (
            f"give {below}" if (below / DICTIONARY).is_file() else f"train one with: visae train --out {folder} ..."
        )
        raise VisaeError(f"there is no dictionary at {file}; {advice}")
    return file


def refuse_folder_of_dictionary(out: Path, dictionary: Path) -> None:
    """Raise `VisaeError` if the results for a dictionary, given by file or folder, would replace it."""
    folder = require_dictionary(dictionary).parent
    if out.resolve() == folder.resolve():
        raise VisaeError(
            f"--out is the folder of the dictionary, {folder}; give another than where the dictionary itself is"
        )


def require_store(folder: str | Path) -> Path:
    """Return the manifest of a store of rows; raises `VisaeError` if there is none."""
    manifest = Path(folder) / MANIFEST
    if not manifest.exists():
        raise VisaeError(f"{folder} holds no {MANIFEST}; make a store with: visae capture --out {folder} ...")
    return manifest


def require_images(name: str) -> None:
    """Raise `VisaeError` unless a name can refer to images: a folder, a file, or leaves:N with N of at least 1."""
    if name.startswith(LEAVES):
        leaves_count(name)
    elif not Path(name).exists():
        raise nothing_at(name)


def nothing_at(name: str | Path) -> VisaeError:
    """Return the error for images that are neither a folder nor a file."""
    return VisaeError(f"found nothing at {name}; expected a folder of images, a list file, or leaves:N")


def leaves_count(name: str) -> int:
    """Return N of `leaves:N`; raises `VisaeError` for anything but a count of at least 1."""
    number = name.removeprefix(LEAVES)
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise VisaeError(f"found {name!r}, expected a count of at least 1 after the colon, for instance leaves:2000")
    return int(number)


def require_folder(option: str, out: Path | None) -> None:
    """Raise `VisaeError` if an output folder is a file, lies below one, or cannot be written; leaves nothing behind."""
    if out is None:
        return
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise VisaeError(f"{option} is {out}, but {path} is a file; name a folder, which need not exist yet")
    _require_writable(option, out)


def _require_writable(option: str, out: Path) -> None:
    """Try to write into a folder, or into the nearest one above it that exists; permissions alone do not tell."""
    folder = next(path for path in (out, *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"nothing can be written to {folder}: {error.strerror or error}"
        raise VisaeError(f"{option} is {out}, but {reason}; name a folder that you may write to") from None


def published(folder: str) -> Path:
    """Return the path of `zoo/` or `viz/`: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "_published" / folder
    return inside if inside.is_dir() else package.parent / folder
