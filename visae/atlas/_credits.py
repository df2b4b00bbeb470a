"""Whose the photographs are: what a manifest says of them."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visae._support.errors import VisaeError
from visae._support.progress import say

MANIFEST = "manifest.csv"
_NEEDED = "file"
_AUTHOR, _LICENCE, _ORIGIN = ("author", "source"), ("licence", "license"), ("origin_url", "source", "source_repo")


@dataclass(frozen=True)
class Credit:
    """Of one photograph: empty where the manifest says nothing."""

    author: str = ""
    licence: str = ""
    origin: str = ""


def find_credits(images: str, keys: Sequence[str], manifest: Path | None = None) -> dict[str, Credit]:
    """What a manifest says of photographs, by their keys.

    images:    what they were called: a folder, a list, or leaves:N, which nobody took.
    keys:      of `visae.images.Images`.
    manifest:  a CSV with the columns file, author, licence and origin_url (or source); files are relative to it, or to
               the photographs. If None, manifest.csv in the photographs' folder or up to two above; one that is there
               and is no such table is named and left alone.

    Raises `VisaeError` for a manifest that was given and cannot be read, or is no such table.
    """
    place = Path(images)
    photographs = place if place.is_dir() else place.parent
    if manifest is not None:
        return _matched(_table(manifest), manifest.parent, photographs, keys)
    if images.startswith("leaves:"):
        return {}
    for folder in (photographs, *photographs.absolute().parents[:2]):
        if (folder / MANIFEST).is_file():
            try:
                return _matched(_table(folder / MANIFEST), folder, photographs, keys)
            except VisaeError as error:
                say(f"{error}; going on without it")
    return {}


def _matched(table: dict[str, Credit], beside: Path, photographs: Path, keys: Sequence[str]) -> dict[str, Credit]:
    known = {os.path.abspath(root / file): credit for root in (photographs, beside) for file, credit in table.items()}
    paths = {key: os.path.abspath(photographs / key) for key in keys}
    return {key: known[path] for key, path in paths.items() if path in known}


def _table(manifest: Path) -> dict[str, Credit]:
    try:
        # Spreadsheets begin a file with a mark of its encoding.
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            there = table.fieldnames or []
            if _NEEDED not in there or not {*_AUTHOR, *_LICENCE, *_ORIGIN}.intersection(there):
                columns = ", ".join(there) or "none"
                raise VisaeError(
                    f"{manifest} has the columns {columns}; it needs file, and of author, licence and origin_url what "
                    "is known"
                )
            return dict(_rows(table))
    except OSError as error:
        raise VisaeError(f"cannot read {manifest}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise VisaeError(f"{manifest} is no table of photographs: {error}") from None


def _rows(table: "csv.DictReader[str]") -> Iterator[tuple[str, Credit]]:
    for row in table:

        def first(*names: str, row: dict[str, str] = row) -> str:
            return next((row[name].strip() for name in names if (row.get(name) or "").strip()), "")

        if row[_NEEDED]:
            yield row[_NEEDED], Credit(first(*_AUTHOR), first(*_LICENCE), first(*_ORIGIN))
