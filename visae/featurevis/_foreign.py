"""Folders that are not to be drawn into: with pictures of other units, or with somebody's photographs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae.images._photographs import SUFFIXES

_WHOSE = ("network", "weights", "layer", "kind", "dictionary")
_OURS = re.compile(r"\d{5}(-examples)?\.png|sheet\.png")


def refuse_foreign(folder: Path, there: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Raise `VisaeError` for a folder whose pictures would be mixed with others.

    there: what the pictures in it say of themselves, if they were drawn here.  now: the same of those to be drawn.
    """
    if there is None:
        others = sorted(path.name for path in folder.iterdir() if _is_foreign(path)) if folder.is_dir() else []
        if others:
            raise VisaeError(f"{folder} holds {others[0]}, which visae did not draw; give a new folder")
    elif any(there.get(name) != now.get(name) for name in _WHOSE):
        raise VisaeError(f"{folder} holds pictures of {_named(there)}, these are of {_named(now)}; give a new folder")


def _named(whose: Mapping[str, Any]) -> str:
    of = f", dictionary {whose['dictionary'][:8]}" if whose.get("dictionary") else ""
    return f"{whose['kind']} of {whose['network']} ({whose['weights'][:8]}) {whose['layer']}{of}"


def _is_foreign(path: Path) -> bool:
    """Whether it is a picture that nothing here wrote."""
    return path.suffix.lower() in SUFFIXES and not _OURS.fullmatch(path.name)
