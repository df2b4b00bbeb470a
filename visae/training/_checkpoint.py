"""Checkpoints: all that a training run needs to go on as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from visae._support import files
from visae._support.settings import refuse_other_settings

SCHEMA = 2
FILE = "checkpoint.safetensors"


@dataclass
class Checkpoint:
    """The state before a step.

    step:     steps done.
    tensors:  of every member, `member/...` (see `Group.state`); of one that was stopped, its last good state.
    stopped:  why each member that does not go on was stopped.
    """

    step: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)


def save(folder: Path, state: Checkpoint, settings: Mapping[str, Any]) -> None:
    """Write the checkpoint of a folder, atomically."""
    header = {"schema": SCHEMA, "step": state.step, "stopped": state.stopped, "settings": settings}
    files.write_tensors(folder / FILE, state.tensors, header)


def restore(folder: Path, settings: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint of a folder; None if there is none. Raises `VisaeError` if it was made with other settings."""
    if not (folder / FILE).exists():
        return None
    tensors, header = files.read_tensors(folder / FILE, SCHEMA)
    files.expect_keys(header, ("schema", "step", "stopped", "settings"), folder / FILE)
    refuse_other_settings(folder, header["settings"], settings)
    return Checkpoint(int(header["step"]), tensors, dict(header["stopped"]))


def members(folder: Path) -> set[str]:
    """The members that the checkpoint of a folder is of; none if there is none."""
    if not (folder / FILE).exists():
        return set()
    _, header = files.read_tensors(folder / FILE, SCHEMA, [])
    return set(header["settings"]["members"])


def remove(folder: Path) -> None:
    """Remove the checkpoint of a run that is finished."""
    (folder / FILE).unlink(missing_ok=True)
