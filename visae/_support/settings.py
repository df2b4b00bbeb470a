"""Settings, which determine a result: checked, and compared before work is resumed."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError


def refuse_other_settings(folder: Path, written: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `VisaeError` that names the settings that differ from the ones a folder was made with."""
    before, now = flat(written), flat(json.loads(json.dumps(wanted)))
    differing = [
        f"{key} was {_text(before, key)} and is now {_text(now, key)}"
        for key in sorted({*before, *now})
        if key not in before or key not in now or before[key] != now[key]
    ]
    if differing:
        raise VisaeError(f"{folder} was made with other settings: {'; '.join(differing)}; use a new folder")


def expect_training(name: str, length: int, batch: int, lr: float) -> None:
    """Raise `VisaeError` unless the length of training, called `name`, and batch are at least 1 and lr is above 0."""
    if min(length, batch) < 1 or not 0 < lr < math.inf:
        raise VisaeError(
            f"{name} is {length}, batch {batch}, lr {lr:g}; {name} and batch must be at least 1, lr above 0"
        )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted keys, so that a message names only what differs."""
    flattened: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flattened |= flat(value, f"{prefix}{key}.")
        else:
            flattened[f"{prefix}{key}"] = value
    return flattened


def typed(key: str, value: Any, default: int | float | str) -> Any:
    """Return a setting cast to the type of its default: 5.0 for 5. Raises `VisaeError` for a value of another type."""
    if isinstance(value, type(default)) and not isinstance(value, bool):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    wanted = {int: "a whole number", float: "a number", str: "a word"}[type(default)]
    raise VisaeError(f"{key} is {value!r}; it must be {wanted}")


def renamed_training_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the training settings of an older file (schema 1) to their current names."""
    renamed = {"config" if key == "recipe" else key: value for key, value in settings.items()}
    if "training" in renamed:
        renamed["training"] = {"revive" if k == "rouse" else k: v for k, v in renamed["training"].items()}
    return renamed


def _text(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "not set"
