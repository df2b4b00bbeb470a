"""Whose the photographs are: what a manifest beside them says."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visae.errors import VisaeError

MANIFEST = "manifest.csv"
_NEEDED = "file"


@dataclass(frozen=True)
class Credit:
    """Of one photograph: empty where the manifest says nothing."""

    author: str = ""
    licence: str = ""
    origin: str = ""


def read_credits(manifest: Path) -> dict[str, Credit]:
    """By file, what a CSV with the columns file, author, licence and origin_url (or source) says of each photograph.

    Raises `VisaeError` for what is no such table.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if _NEEDED not in (table.fieldnames or []):
                columns = ", ".join(table.fieldnames or []) or "none"
                raise VisaeError(f"{manifest} has the columns {columns}; it needs file, author, licence, origin_url")
            return {row[_NEEDED]: _credit(row) for row in table}
    except OSError as error:
        raise VisaeError(f"cannot read {manifest}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise VisaeError(f"{manifest} is no table of photographs: {error}") from None


def manifest_of(images: str) -> Path | None:
    """The manifest that lies beside photographs: in their folder or above; None if there is none."""
    place = Path(images)
    for folder in (place, *place.absolute().parents[:2]):
        if (folder / MANIFEST).is_file():
            return folder / MANIFEST
    return None


def credits_of(keys: Sequence[str], known: dict[str, Credit]) -> list[Credit]:
    """For each image its credit: that of the file of the manifest that its path ends with."""
    by_end = {tuple(reversed(file.split("/"))): credit for file, credit in known.items()}
    return [_ending(tuple(reversed(key.split("/"))), by_end) for key in keys]


def _ending(parts: tuple[str, ...], by_end: dict[tuple[str, ...], Credit]) -> Credit:
    for length in range(len(parts), 0, -1):
        if parts[:length] in by_end:
            return by_end[parts[:length]]
    return Credit()


def _credit(row: dict[str, str]) -> Credit:
    def first(*names: str) -> str:
        return next((row[name].strip() for name in names if (row.get(name) or "").strip()), "")

    return Credit(first("author", "source"), first("licence", "license"), first("origin_url", "source", "source_repo"))
