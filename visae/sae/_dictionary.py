"""A dictionary's file: one safetensors file whose JSON header says what it is."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae.sae._base import SAE
from visae.sae._registry import recipe

SCHEMA = 1
FILE = "sae.safetensors"
# What only training needs.
_LEFT_OUT = "rows_since_fired"
_HEADER = {"schema": int, "kind": str, "recipe": dict, "dim": int, "about": dict}


def save(sae: SAE, path: Path) -> None:
    """Write an SAE and what is known about it, atomically."""
    header = {
        "schema": SCHEMA,
        "kind": sae.config.kind,
        "recipe": config_settings(sae),
        "dim": sae.dim,
        "about": sae.about,
    }
    files.write_tensors(path, _kept(sae), header)


def load(path: str | Path, device: torch.device | str = "cpu") -> SAE:
    """Read an SAE from its file, or from the folder that training left.

    Raises `VisaeError` for what is not a dictionary, for an unknown kind, and for tensors that are missing, surplus or
    misshapen.
    """
    place = Path(path)
    place = place / FILE if place.is_dir() else place
    if not place.exists():
        folder = place.parent if place.suffix else place
        below = folder / "dictionary"
        advice = f"give {below}" if (below / FILE).is_file() else f"train one with: visae train --out {folder} ..."
        raise VisaeError(f"there is no dictionary at {place}; {advice}")
    tensors, header = files.read_tensors(place, SCHEMA)
    _refuse_other_headers(header, place)
    sae = recipe(header["kind"], header["recipe"]).build(header["dim"], torch.Generator())
    expected, found = _shapes(_kept(sae)), _shapes(tensors)
    if found != expected:
        raise VisaeError(f"{place} holds the tensors {found}, a {header['kind']} SAE has {expected}")
    sae.load_state_dict(sae.state_dict() | tensors)
    sae.about = header["about"]
    return sae.to(device).eval().requires_grad_(False)


def config_settings(sae: SAE) -> Mapping[str, Any]:
    """An SAE's recipe as JSON."""
    return asdict(sae.config)


def _kept(sae: SAE) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in sae.state_dict().items() if name != _LEFT_OUT}


def _refuse_other_headers(header: Mapping[str, Any], place: Path) -> None:
    files.expect_keys(header, _HEADER, place)
    wrong = [key for key, kind in _HEADER.items() if not isinstance(header[key], kind)]
    if wrong or header["dim"] < 1:
        found = ", ".join(f"{key} {header[key]!r}" for key in wrong or ["dim"])
        raise VisaeError(f"{place} is no dictionary of this visae: its header has {found}")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Names, types and shapes, in the order of names."""
    return {name: f"{str(tensor.dtype)[6:]} {list(tensor.shape)}" for name, tensor in sorted(tensors.items())}
