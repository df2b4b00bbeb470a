"""The folder of an atlas: written beside what is there, and shown only when it is whole.

index.html is the only file that is ever replaced: it names the folder of one version, in which everything else is. A
version is written under a name of its own, index.html is renamed into place, and then the versions before go. Whoever
is interrupted leaves the old page or the new one.
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
_NAME = re.compile(r"atlas-[0-9a-f]{8}")
_MARK = '<meta name="generator" content="visae atlas">'
_PLACE = "VERSION"
# In every version from its beginning: a folder that only has such a name is somebody's own.
_MADE = "made-by-visae-atlas"


class Site:
    """A new version of an atlas; use it in a `with`, which removes it again if it is not published."""

    def __init__(self, out: Path):
        refuse_foreign(out)
        self.out, self.name = out, f"atlas-{secrets.token_hex(4)}"
        self.folder = out / self.name

    def __enter__(self) -> "Site":
        try:
            self.folder.mkdir(parents=True)
            (self.folder / _MADE).touch()
        except OSError as error:
            raise VisaeError(f"cannot write in {self.out}: {error.strerror or error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.name not in _shown(self.out):
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a file of this version; raises `VisaeError` where that is not possible."""
        path = self.folder / name
        if not self.folder.is_dir():
            raise VisaeError(f"{self.folder} is gone: another atlas was written into {self.out} meanwhile; do it again")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise VisaeError(f"cannot write {path}: {error.strerror or error}") from error

    def write_data(self, name: str, content: Mapping[str, Any]) -> None:
        """Write data as a script that hands them to the page: a page opened from a disk may not read files.

        NaN is refused (`ValueError`). Nothing but ASCII is written, so that no character can end the script.
        """
        text = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        self.write(f"{name}.js", f"visae.take({json.dumps(name)},{text});\n".encode("ascii"))

    def publish(self) -> None:
        """Add the page itself, make it the one that is shown, and remove the versions before."""
        page = published("viz")
        for path in sorted(page.iterdir()):
            if path.suffix in (".js", ".css"):
                self.write(path.name, path.read_bytes())
        text, before = (page / _PAGE).read_text(), _shown(self.out)
        files.flush(self.folder)
        files.write_bytes(self.out / _PAGE, text.replace(_PLACE, escape(self.name)).encode())
        files.drop_leftovers(self.out)
        for folder in self.out.iterdir():
            if folder != self.folder and _is_version(folder, before):
                shutil.rmtree(folder, ignore_errors=True)


def refuse_foreign(out: Path) -> None:
    """Raise `VisaeError` for a folder that holds something else than an atlas."""
    if not out.exists():
        return
    if not out.is_dir():
        raise VisaeError(f"{out} is a file; name a folder for the atlas")
    page = _shown(out)
    others = [path.name for path in out.iterdir() if not (_is_version(path, page) or files.is_leftover(path))]
    if others and not is_atlas(out):
        raise VisaeError(f"{out} holds {others[0]} and is no atlas; name a folder of its own, which need not be there")


def _is_version(folder: Path, page: str) -> bool:
    """Whether a folder is a version of an atlas: one that says so, or that the page names."""
    return bool(_NAME.fullmatch(folder.name)) and ((folder / _MADE).is_file() or f"{folder.name}/" in page)


def is_atlas(folder: Path) -> bool:
    """Whether a folder holds an atlas."""
    return _MARK in _shown(folder)


def _shown(folder: Path) -> str:
    """The text of the page that a folder shows; empty where there is none."""
    try:
        return (folder / _PAGE).read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def packed(values: UInt8[np.ndarray, "..."]) -> str:
    """Bytes as text."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def rounded(values: Any, digits: int = 4) -> Any:
    """Numbers, nested as they are, to so many digits that count; null for what is no number."""
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
