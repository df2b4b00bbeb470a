"""Sweeps: a TOML file that names a grid of SAEs."""

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae._support.settings import typed
from visae.sae import recipe
from visae.sae._registry import KINDS
from visae.training._config import TrainingConfig
from visae.training._train import SAESpec

_EXAMPLE = 'for instance [[sae]] with kind = "topk", width = 768, k = [2, 4, 8]'


def read_sweep(path: str | Path, training: TrainingConfig | None = None) -> tuple[dict[str, SAESpec], TrainingConfig]:
    """The SAEs that a file names, by the names of their folders, and how to train them.

    The file has tables [[sae]], each with `kind`, settings of that kind, and `seed`; a setting may be a list, and a
    table stands for every combination of its lists. An SAE is called by its kind (or `name`) and the settings
    that are lists, as in `topk-k8-seed0`. A table [training] may hold settings of `TrainingConfig`, which go
    before those of `training`. Raises `VisaeError` for what is no such file, and for two SAEs of one name.
    """
    place = Path(path)
    content = _read(place)
    surplus = set(content) - {"sae", "training"}
    tables = content.get("sae", [])
    training_table = content.get("training", {})
    listed = isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)
    if surplus or not listed or not isinstance(training_table, dict):
        found = ", ".join(f"[{key}]" for key in content) or "nothing"
        raise VisaeError(f"{place} has {found}; a sweep has tables [[sae]], and may have [training]: {_EXAMPLE}")
    members: dict[str, SAESpec] = {}
    for table in tables:
        for name, member in _members(dict(table), place):
            if name in members:
                raise VisaeError(
                    f"{place} has two SAEs called {name}; give one of the tables [[sae]] another name = ..."
                )
            members[name] = member
    return members, _training(training_table, training or TrainingConfig(), place)


def _read(place: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(place.read_text())
    except OSError as error:
        raise VisaeError(f"cannot read {place}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VisaeError(f"{place} is not TOML: {error}") from None


def _members(table: dict[str, Any], place: Path) -> list[tuple[str, SAESpec]]:
    kind = table.pop("kind", None)
    if not isinstance(kind, str):
        raise VisaeError(f"a table [[sae]] of {place} has no kind; the kinds are {', '.join(KINDS)}; {_EXAMPLE}")
    name = table.pop("name", kind)
    if not isinstance(name, str) or not name or set(name) & set("/\\\0") or name.startswith("."):
        raise VisaeError(f"the name {name!r} in {place} cannot be that of a folder; use letters, digits and dashes")
    axes = {key: value if isinstance(value, list) else [value] for key, value in table.items()}
    empty = [key for key, values in axes.items() if not values]
    if empty:
        raise VisaeError(f"{empty[0]} of {name} in {place} is an empty list; give it a value")
    listed = [key for key, value in table.items() if isinstance(value, list)]
    found = []
    for values in itertools.product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        parts = [name, *(f"{key}{'_' * key[-1].isdigit()}{settings[key]}" for key in listed)]
        found.append(("-".join(parts), _member(kind, settings, f"{place}, {name}")))
    return found


def _member(kind: str, settings: dict[str, Any], place: str) -> SAESpec:
    seed = settings.pop("seed", 0)
    if type(seed) is not int:
        raise VisaeError(f"seed is {seed!r} in {place}; it must be a whole number")
    try:
        return SAESpec(recipe(kind, settings), seed)
    except VisaeError as error:
        raise VisaeError(f"{place}: {error}") from None


def _training(table: Mapping[str, Any], training: TrainingConfig, place: Path) -> TrainingConfig:
    known = [field.name for field in fields(TrainingConfig)]
    for key in table:
        if key not in known:
            raise VisaeError(f"{place}: training has no setting {key}; its settings are {', '.join(known)}")
    try:
        return replace(training, **{key: typed(key, value, getattr(training, key)) for key, value in table.items()})
    except VisaeError as error:
        raise VisaeError(f"{place}: {error}") from None
