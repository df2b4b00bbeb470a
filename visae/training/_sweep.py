"""Sweeps: a TOML file that describes a grid of SAEs. Does not import torch if the kinds are given."""

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError
from visae._support.settings import typed
from visae.sae._config import SAEConfig
from visae.sae._registry import kinds, make_config
from visae.training._config import SAESpec, TrainingConfig

_EXAMPLE = 'for instance [[sae]] with kind = "topk", width = 768, k = [2, 4, 8]'


def read_sweep(
    path: str | Path, training: TrainingConfig | None = None, known: Mapping[str, type[SAEConfig]] | None = None
) -> tuple[dict[str, SAESpec], TrainingConfig]:
    """Read the SAEs described in a file, keyed by folder name, and how to train them.

    The file has tables [[sae]], each with `kind`, settings of that kind, and `seed`; a setting may be a list, and a
    table stands for every combination of its lists. An SAE is named after its kind (or `name`) and the settings that
    are lists, as in `topk-k8-seed0`. A table [training] may hold settings of `TrainingConfig`, which override those of
    `training`. The kinds are those in `known`, or all registered ones if None. Raises `VisaeError` for a file that is
    not a sweep, and for two SAEs of the same name.
    """
    path = Path(path)
    content = _read(path)
    surplus = set(content) - {"sae", "training"}
    tables, training_table = content.get("sae", []), content.get("training", {})
    has_tables = isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)
    if surplus or not has_tables or not isinstance(training_table, dict):
        keys = ", ".join(f"[{key}]" for key in content) or "nothing"
        raise VisaeError(f"{path} has {keys}; a sweep has tables [[sae]], and may have [training]: {_EXAMPLE}")
    specs: dict[str, SAESpec] = {}
    known = kinds() if known is None else known
    for table in tables:
        for name, spec in _specs(dict(table), path, known):
            if name in specs:
                raise VisaeError(
                    f"{path} has two SAEs called {name}; give one of the tables [[sae]] another name = ..."
                )
            specs[name] = spec
    return specs, _training(training_table, training or TrainingConfig(), path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise VisaeError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VisaeError(f"{path} is not TOML: {error}") from None


def _specs(table: dict[str, Any], path: Path, known: Mapping[str, type[SAEConfig]]) -> list[tuple[str, SAESpec]]:
    """Return every combination of a table's lists, with its name."""
    kind = table.pop("kind", None)
    if not isinstance(kind, str):
        raise VisaeError(f"a table [[sae]] of {path} has no kind; the kinds are {', '.join(known)}; {_EXAMPLE}")
    name = table.pop("name", kind)
    if not isinstance(name, str) or not name or set(name) & set("/\\\0") or name.startswith("."):
        raise VisaeError(f"the name {name!r} in {path} cannot be a folder's name; use letters, digits and dashes")
    axes = {key: value if isinstance(value, list) else [value] for key, value in table.items()}
    empty = [key for key, values in axes.items() if not values]
    if empty:
        raise VisaeError(f"{empty[0]} of {name} in {path} is an empty list; give it a value")
    varied = [key for key, value in table.items() if isinstance(value, list)]
    specs = []
    for values in itertools.product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        parts = [name, *(f"{key}{'_' * key[-1].isdigit()}{settings[key]}" for key in varied)]
        specs.append(("-".join(parts), _spec(kind, settings, known, f"{path}, {name}")))
    return specs


def _spec(kind: str, settings: dict[str, Any], known: Mapping[str, type[SAEConfig]], where: str) -> SAESpec:
    seed = settings.pop("seed", 0)
    if type(seed) is not int:
        raise VisaeError(f"seed is {seed!r} in {where}; it must be a whole number")
    try:
        return SAESpec(make_config(kind, settings, known), seed)
    except VisaeError as error:
        raise VisaeError(f"{where}: {error}") from None


def _training(table: Mapping[str, Any], training: TrainingConfig, path: Path) -> TrainingConfig:
    known = [field.name for field in fields(TrainingConfig)]
    for key in table:
        if key == "epochs":
            raise VisaeError(f"{path}: training no longer has the setting epochs; write rows_seen, in rows")
        if key not in known:
            raise VisaeError(f"{path}: training has no setting {key}; its settings are {', '.join(known)}")
    try:
        return replace(training, **{key: typed(key, value, getattr(training, key)) for key, value in table.items()})
    except VisaeError as error:
        raise VisaeError(f"{path}: {error}") from None
