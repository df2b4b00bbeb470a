"""Credits of photographs: author, licence and origin, read from a manifest."""

import csv
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visae._support.errors import VisaeError
from visae._support.progress import say

MANIFEST = "manifest.csv"
_FILE = "file"
# Columns to search for each entry, in this order.
_AUTHOR, _LICENCE, _ORIGIN = ("author", "source"), ("licence", "license"), ("origin_url", "source", "source_repo")


@dataclass(frozen=True)
class Credit:
    """The credit of one photograph; an entry that the manifest lacks is empty."""

    author: str = ""
    licence: str = ""
    origin: str = ""


def find_credits(images: str, keys: Sequence[str], manifest: Path | None = None) -> dict[str, Credit]:
    """Look up the credits of photographs in a manifest; return those it lists, by the photographs' keys.

    images:    the source given by the user: a folder, a list, or leaves:N, which needs no credits.
    keys:      the photographs' keys in `visae.images.Images`.
    manifest:  a CSV with the columns file, author, licence and origin_url (or source); files are relative to it or to
               the photographs. If None, manifest.csv in the photographs' folder or up to two levels above; if that is
               not such a table, it is reported and ignored.

    Says so if `manifest` is given but lists none of the photographs. Raises `VisaeError` if it cannot be read or is not
    such a table.
    """
    source = Path(images)
    photographs = source if source.is_dir() else source.parent
    if manifest is not None:
        listed = _read_manifest(manifest)
        credits = _match(listed, manifest.parent, photographs, keys)
        if not credits:
            say(_no_match(manifest, listed, photographs, keys))
        return credits
    if images.startswith("leaves:"):
        return {}
    for folder in (photographs, *photographs.absolute().parents[:2]):
        if (folder / MANIFEST).is_file():
            try:
                return _match(_read_manifest(folder / MANIFEST), folder, photographs, keys)
            except VisaeError as error:
                say(f"{error}; continuing without it")
    return {}


def _match(credits: dict[str, Credit], beside: Path, photographs: Path, keys: Sequence[str]) -> dict[str, Credit]:
    by_path = {os.path.abspath(root / file): credits[file] for root in (photographs, beside) for file in credits}
    paths = {key: os.path.abspath(photographs / key) for key in keys}
    return {key: by_path[path] for key, path in paths.items() if path in by_path}


def _no_match(manifest: Path, listed: Collection[str], photographs: Path, keys: Sequence[str]) -> str:
    first = f", the first {next(iter(listed))!r}" if listed else ""
    return (
        f"{manifest} credits none of the {len(keys)} images: it lists {len(listed)} files{first}, "
        f"which are looked for in {photographs} and beside the table"
    )


def _read_manifest(manifest: Path) -> dict[str, Credit]:
    try:
        # Spreadsheets write a byte-order mark first.
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or []
            if _FILE not in columns or not {*_AUTHOR, *_LICENCE, *_ORIGIN}.intersection(columns):
                raise VisaeError(
                    f"{manifest} has the columns {', '.join(columns) or 'none'}; it needs file and at least one of "
                    "author, licence and origin_url"
                )
            return dict(_rows(table))
    except OSError as error:
        raise VisaeError(f"cannot read {manifest}: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise VisaeError(f"{manifest} is not a table of photographs: {error}") from None


def _rows(table: "csv.DictReader[str]") -> Iterator[tuple[str, Credit]]:
    for row in table:
        if row[_FILE]:
            yield row[_FILE], Credit(_first(row, _AUTHOR), _first(row, _LICENCE), _first(row, _ORIGIN))


def _first(row: dict[str, str], columns: Sequence[str]) -> str:
    """Return the first non-empty entry among some columns."""
    entries = ((row.get(column) or "").strip() for column in columns)
    return next((entry for entry in entries if entry), "")
