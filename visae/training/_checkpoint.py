"""Checkpoints, which hold all that a run needs to resume as if never interrupted, and the log."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.settings import refuse_other_settings, renamed_training_settings
from visae.training._convergence import Curve

SCHEMA = 4
FILE = "checkpoint.safetensors"
LOG = "log.jsonl"
_HEADER = ("schema", "step", "stopped", "steps", "held_out", "settings")


@dataclass
class Checkpoint:
    """The state before a step.

    step:     completed steps.
    tensors:  the state of every member, `member/...` (see `Group.state`); for a stopped one, its last good state.
    stopped:  why each member that diverged was stopped.
    steps:    steps at which training ends; None if nothing has changed that yet.
    held_out: what each member lost on held-out rows so far.
    """

    step: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    steps: int | None = None
    held_out: dict[str, Curve] = field(default_factory=dict)


def save(folder: Path, state: Checkpoint, settings: Mapping[str, Any]) -> None:
    """Write the checkpoint of a folder, atomically."""
    progress = {"step": state.step, "stopped": state.stopped, "steps": state.steps, "held_out": state.held_out}
    header = {"schema": SCHEMA, **progress, "settings": settings}
    files.write_tensors(folder / FILE, state.tensors, header)


def restore(
    folder: Path, settings: Mapping[str, Any], current: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Checkpoint | None:
    """Return the checkpoint of a folder, or None; raises `VisaeError` if it was made with other settings.

    current:  returns the settings of a member, as any version wrote them, as this version would have.
    """
    if not (folder / FILE).exists():
        return None
    tensors, header = files.read_tensors(folder / FILE, SCHEMA, upgrades=_UPGRADES)
    files.expect_keys(header, _HEADER, folder / FILE)
    written = {name: current(member) for name, member in header["settings"]["members"].items()}
    refuse_other_settings(folder, {**header["settings"], "members": written}, settings)
    renamed = {_name_today(name): tensor for name, tensor in tensors.items()}
    return Checkpoint(int(header["step"]), renamed, dict(header["stopped"]), header["steps"], header["held_out"])


def members(folder: Path) -> set[str]:
    """Return the names of the members in a folder's checkpoint; none if there is no checkpoint."""
    if not (folder / FILE).exists():
        return set()
    _, header = files.read_tensors(folder / FILE, SCHEMA, [], upgrades=_UPGRADES)
    return set(header["settings"]["members"])


def remove(folder: Path) -> None:
    """Remove the checkpoint of a finished run."""
    (folder / FILE).unlink(missing_ok=True)


class Log:
    """Lines of JSON in `folder`, each with a `step`; lines of steps that will be repeated are dropped on opening."""

    def __init__(self, folder: Path, step: int):
        self.path = folder / LOG
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if _step(line) < step]
        files.write_bytes(self.path, "".join(f"{line}\n" for line in kept).encode())

    def write(self, **entry: Any) -> None:
        """Append one line; raises `VisaeError` if that fails."""
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(entry, allow_nan=False) + "\n")
        except OSError as error:
            raise VisaeError(f"cannot write {self.path}: {error.strerror or error}") from error


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        # A killed run left a half-written line.
        return float("inf")


def _from_schema_2(header: dict[str, Any]) -> dict[str, Any]:
    settings = header.get("settings", {})
    renamed = {name: renamed_training_settings(member) for name, member in settings.get("members", {}).items()}
    return {**header, "settings": {**settings, "members": renamed}}


def _from_schema_3(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "steps": None, "held_out": {}}


_UPGRADES = {2: _from_schema_2, 3: _from_schema_3}


def _name_today(name: str) -> str:
    return f"{name.removesuffix('.idle')}.rows_since_fired" if name.endswith("/sae.idle") else name
