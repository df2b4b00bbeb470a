"""Dictionary files: safetensors with a JSON header that describes the dictionary."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError, unknown
from visae._support.paths import DICTIONARY, require_dictionary
from visae._support.settings import renamed_training_settings
from visae.sae._base import SAE
from visae.sae._registry import kinds, make_config

SCHEMA = 2
FILE = DICTIONARY
# Only training needs these.
_LEFT_OUT = ("rows_since_fired", "is_dead")
_HEADER = {"schema": int, "kind": str, "config": dict, "dim": int, "about": dict}


def save(sae: SAE, path: Path) -> None:
    """Write an SAE and its metadata, atomically."""
    header = {
        "schema": SCHEMA,
        "kind": sae.config.kind,
        "config": asdict(sae.config),
        "dim": sae.dim,
        "about": sae.about,
    }
    files.write_tensors(path, _kept(sae), header)


def load(path: str | Path, device: torch.device | str = "cpu") -> SAE:
    """Read an SAE from its file, or from the folder written by training.

    For a kind of your own, import the script that registers it first. Raises `VisaeError` for a file that is not a
    dictionary, for an unknown kind, and for tensors that are missing, surplus or misshapen.
    """
    file = require_dictionary(path)
    tensors, header = files.read_tensors(file, SCHEMA, upgrades={1: _from_schema_1})
    _refuse_other_headers(header, file)
    if header["kind"] not in kinds():
        error = unknown("kind of SAE", header["kind"], kinds())
        raise VisaeError(
            f"{file}: {error}; if it is a kind of your own, import the script that registers it first "
            "(visae --import SCRIPT COMMAND ...)"
        )
    sae = make_config(header["kind"], header["config"]).build(header["dim"], torch.Generator())
    expected, stored = _shapes(_kept(sae)), _shapes(tensors)
    if stored != expected:
        raise VisaeError(f"{file} holds the tensors {stored}, but a {header['kind']} SAE has {expected}")
    sae.load_state_dict(sae.state_dict() | tensors)
    sae.about = header["about"]
    return sae.to(device).eval().requires_grad_(False)


def _kept(sae: SAE) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in sae.state_dict().items() if name not in _LEFT_OUT}


def _refuse_other_headers(header: Mapping[str, Any], file: Path) -> None:
    files.expect_keys(header, _HEADER, file)
    wrong = [key for key, kind in _HEADER.items() if not isinstance(header[key], kind)]
    if wrong or header["dim"] < 1:
        values = ", ".join(f"{key} {header[key]!r}" for key in wrong or ["dim"])
        raise VisaeError(f"{file} is not a dictionary of this version of visae: its header has {values}")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return dtypes and shapes by name, sorted by name."""
    return {name: f"{str(tensor.dtype)[6:]} {list(tensor.shape)}" for name, tensor in sorted(tensors.items())}


def _from_schema_1(header: dict[str, Any]) -> dict[str, Any]:
    renamed = {"config" if key == "recipe" else key: value for key, value in header.items()}
    about = renamed.get("about")
    if isinstance(about, dict):
        about = {"metrics" if key == "figures" else key: value for key, value in about.items()}
        renamed["about"] = about | {"settings": renamed_training_settings(about.get("settings", {}))}
    return renamed
