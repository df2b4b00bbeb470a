"""The folder of an atlas: a new version is written beside the old one and shown only once it is complete.

index.html is the only file that is ever replaced. It names the folder of one version, which holds everything else. A
version is written to a new folder, then index.html is renamed into place, then older versions are removed. An
interruption leaves either the old page or the new one.
"""

import base64
import json
import re
import secrets
import shutil
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.paths import published

_PAGE = "index.html"
_VERSION_NAME = re.compile(r"atlas-[0-9a-f]{8}")
_GENERATOR = '<meta name="generator" content="visae atlas">'
_VERSION_PLACEHOLDER = "VERSION"
# Marks a version's folder from the start: a folder that merely has a matching name may be the user's own.
_MARKER = "made-by-visae-atlas"


class Site:
    """Context manager: a new version of an atlas in `out`, removed again if it is not published.

    Raises `VisaeError` if `out` holds something other than an atlas, or cannot be written.
    """

    def __init__(self, out: Path):
        check_atlas_folder(out)
        self.out, self.name = out, f"atlas-{secrets.token_hex(4)}"
        self.folder = out / self.name

    def __enter__(self) -> "Site":
        try:
            self.folder.mkdir(parents=True)
            (self.folder / _MARKER).touch()
        except OSError as error:
            raise VisaeError(f"cannot write in {self.out}: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.name not in _page_text(self.out):
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a file of this version; raise `VisaeError` if that fails."""
        path = self.folder / name
        if not self.folder.is_dir():
            raise VisaeError(
                f"{self.folder} is gone: another atlas was written to {self.out} in the meantime; run this again"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise VisaeError(f"cannot write {path}: {error.strerror or error}") from error

    def write_data(self, name: str, content: Mapping[str, Any]) -> None:
        """Write data as a script that passes them to the page, since a page opened from disk may not fetch files.

        Raises `ValueError` for NaN. The script is ASCII without `<`, so that no text can end it.
        """
        text = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        self.write(f"{name}.js", f"visae.receive({json.dumps(name)},{text});\n".encode("ascii"))

    def publish(self) -> None:
        """Add the page's scripts, make index.html show this version, and remove older versions."""
        page = published("viz")
        for path in sorted(page.iterdir()):
            if path.suffix in (".js", ".css"):
                self.write(path.name, path.read_bytes())
        text, before = (page / _PAGE).read_text(), _page_text(self.out)
        files.flush(self.folder)
        files.write_bytes(self.out / _PAGE, text.replace(_VERSION_PLACEHOLDER, escape(self.name)).encode())
        files.drop_leftovers(self.out)
        for folder in self.out.iterdir():
            if folder != self.folder and _is_version(folder, before):
                shutil.rmtree(folder, ignore_errors=True)


def check_atlas_folder(out: Path) -> None:
    """Raise `VisaeError` if `out` holds something other than an atlas; it may be missing or empty."""
    if not out.exists():
        return
    if not out.is_dir():
        raise VisaeError(f"{out} is a file; name a folder for the atlas")
    page = _page_text(out)
    foreign = [path.name for path in out.iterdir() if not (_is_version(path, page) or files.is_leftover(path))]
    if foreign and not is_atlas(out):
        raise VisaeError(f"{out} holds {foreign[0]} and is not an atlas; name a new or an empty folder")


def is_atlas(folder: Path) -> bool:
    """Return whether a folder holds an atlas."""
    return _GENERATOR in _page_text(folder)


def _is_version(folder: Path, page: str) -> bool:
    """Return whether a folder is a version of an atlas: it carries the marker, or the page names it."""
    return bool(_VERSION_NAME.fullmatch(folder.name)) and ((folder / _MARKER).is_file() or f"{folder.name}/" in page)


def _page_text(folder: Path) -> str:
    """Return the text of a folder's index.html; empty if there is none."""
    try:
        return (folder / _PAGE).read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def packed(values: UInt8[np.ndarray, "..."]) -> str:
    """Encode bytes as base64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def rounded(values: Any, digits: int = 4) -> Any:
    """Round numbers, nested in lists or arrays, to `digits` significant digits; NaN and infinity become None."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, list | tuple):
        return [rounded(value, digits) for value in values]
    if not isinstance(values, float):
        return values
    if values != values or values in (float("inf"), float("-inf")):
        return None
    short = float(f"{values:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 2**53 else short
