"""Checkpoints: all that a training run needs to go on as if it had never stopped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visae import files
from visae.sae import SAE
from visae.settings import refuse_other_settings

SCHEMA = 1
FILE = "checkpoint.safetensors"


def save(folder: Path, sae: SAE, optimiser: torch.optim.Optimizer, step: int, settings: Mapping[str, Any]) -> None:
    """Write the SAE's and the optimiser's state before `step`, atomically."""
    tensors = {f"sae.{name}": tensor for name, tensor in sae.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": tensor for name, tensor in state.items()}
    files.write_tensors(folder / FILE, tensors, {"schema": SCHEMA, "step": step, "settings": settings})


def restore(folder: Path, sae: SAE, optimiser: torch.optim.Optimizer, settings: Mapping[str, Any]) -> int:
    """Put the state of the folder's checkpoint back, and return its step; 0, and nothing done, if there is none.

    Raises `VisaeError` if it was made with other settings.
    """
    if not (folder / FILE).exists():
        return 0
    tensors, header = files.read_tensors(folder / FILE, SCHEMA)
    files.expect_keys(header, ("schema", "step", "settings"), folder / FILE)
    refuse_other_settings(folder, header["settings"], settings)
    sae.load_state_dict(_with_prefix(tensors, "sae."))
    groups = optimiser.state_dict()["param_groups"]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _with_prefix(tensors, "adam.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return int(header["step"])


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
