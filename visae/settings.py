"""Settings: what decides a result, compared before work is continued."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae.errors import VisaeError


def refuse_other_settings(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `VisaeError` naming the settings that differ between what is in a folder and what is asked for."""
    differing = [
        f"{key} was {before!r} and is now {now!r}"
        for key, before, now in _pairs(_flat(found), _flat(wanted))
        if before != now
    ]
    if differing:
        raise VisaeError(f"{folder} was made with other settings: {'; '.join(differing)}; use a new folder")


def _pairs(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(key, found.get(key), wanted.get(key)) for key in sorted({*found, *wanted})]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted keys, so that a message names what differs and no more."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat
