"""Writing files atomically, and reading them without trusting their content.

safetensors is imported by the functions that need it: it imports torch, which the command line does not need for JSON.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visae._support.errors import VisaeError

if TYPE_CHECKING:
    from torch import Tensor

# Maps an older file's schema to the function that upgrades its content to the next schema.
Upgrades = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]

_HEADER = "visae"
_LONGEST_HEADER = 1 << 24  # bytes
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to a temporary file in the same folder, flush it to disk, and rename it to `path`.

    If that fails (a full disk, a read-only folder), raises `VisaeError` and leaves the old file at `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_through(temporary, data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise VisaeError(f"cannot write {path}: {error.strerror or error}") from error


def is_leftover(path: Path) -> bool:
    """Return whether a file is a temporary one left by a killed process."""
    return bool(_TEMPORARY.fullmatch(path.name))


def drop_leftovers(folder: Path) -> None:
    """Remove the temporary files left in a folder by a killed process."""
    for path in folder.glob(".*.tmp"):
        if is_leftover(path):
            path.unlink(missing_ok=True)


def flush(folder: Path) -> None:
    """Flush all files below a folder to disk, before anything that refers to them is written."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, atomically; raises `ValueError` for NaN and infinity, which JSON lacks."""
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def without_nan(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NaN, which stands for undefined metrics, by None, which JSON can hold."""
    return {name: None if isinstance(value, float) and value != value else value for name, value in metrics.items()}


def read_json(path: Path, schema: int, upgrades: Upgrades | None = None) -> dict[str, Any]:
    """Read a JSON object with this `schema`, or an older one that can be upgraded; else raise `VisaeError`."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError as error:
        raise VisaeError(f"{path} is not JSON: {error}") from None
    return _upgraded(content, schema, path, upgrades or {})


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], header: Mapping[str, Any]) -> str:
    """Write a safetensors file with `header` (JSON) in its metadata, atomically; return its SHA-256."""
    import safetensors.torch

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(whole, metadata={_HEADER: json.dumps(header, allow_nan=False)})
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def read_tensors(
    path: Path, schema: int, names: Sequence[str] | None = None, upgrades: Upgrades | None = None
) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Read the tensors, or only the named ones, and the header of a file written by `write_tensors`.

    Raises `VisaeError` for a damaged file or one not written by visae, and for a schema that cannot be upgraded.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in (file.keys() if names is None else names)}
    except OSError as error:
        raise _unreadable(path, error) from None
    except safetensors.SafetensorError as error:
        raise VisaeError(f"{path} is not a complete safetensors file: {error}") from None
    if _HEADER not in metadata:
        raise VisaeError(f"{path} has no {_HEADER!r} header: it was not written by visae")
    try:
        header = json.loads(metadata[_HEADER])
    except ValueError as error:
        raise VisaeError(f"the {_HEADER!r} header of {path} is not JSON: {error}") from None
    return tensors, _upgraded(header, schema, path, upgrades or {})


def peek_header(path: Path) -> Any:
    """Return the header of a file written by `write_tensors`, without importing torch; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            return json.loads(json.loads(file.read(min(size, _LONGEST_HEADER)))["__metadata__"][_HEADER])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def expect_keys(content: Mapping[str, Any], keys: Collection[str], path: Path) -> None:
    """Raise `VisaeError` unless an object read from `path` has exactly these keys."""
    surplus = [f"unknown {key!r}" for key in content if key not in keys]
    missing = [f"missing {key!r}" for key in keys if key not in content]
    if surplus or missing:
        raise VisaeError(
            f"{path} does not have the keys that this version of visae expects: {', '.join(surplus + missing)}"
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _unreadable(path: Path, error: OSError) -> VisaeError:
    if isinstance(error, FileNotFoundError):
        return VisaeError(f"{path} does not exist")
    return VisaeError(f"cannot read {path}: {error.strerror or error}")


def _upgraded(content: Any, schema: int, path: Path, upgrades: Upgrades) -> dict[str, Any]:
    written: Any = content.get("schema") if isinstance(content, dict) else None
    while written != schema:
        if not isinstance(written, int) or written not in upgrades:
            raise VisaeError(
                f"{path} has schema {written!r}, this version of visae reads schema {schema}; "
                "use the version that wrote it"
            )
        content = {**upgrades[written](content), "schema": written + 1}
        written += 1
    return dict(content)
