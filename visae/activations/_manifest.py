"""The manifest of a store: reading it, and holding the shards against it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.progress import Progress

SCHEMA = 1
MANIFEST = "manifest.json"
_PARTIAL = ("schema", "state", "settings", "shards")
_KEYS = {
    "partial": _PARTIAL,
    "whole": (*_PARTIAL, "rows", "mean", "variance", "images", "skipped"),
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a store; raises `VisaeError` for another schema, and for keys or a state that it cannot have."""
    path = folder / MANIFEST
    manifest = files.read_json(path, SCHEMA)
    state = manifest.get("state")
    if state not in _KEYS:
        raise VisaeError(
            f"{path} has state {state!r}, expected {' or '.join(_KEYS)}; delete {folder} and capture again"
        )
    files.expect_keys(manifest, _KEYS[state], path)
    return manifest


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `VisaeError` unless every shard is as it was written."""
    with Progress(f"checking {folder}", len(manifest["shards"]), "shards") as progress:
        for shard in manifest["shards"]:
            path = folder / shard["file"]
            if not path.exists() or files.sha256(path) != shard["sha256"]:
                raise VisaeError(
                    f"{path} is missing or damaged (its SHA-256 should be {shard['sha256']}); "
                    f"delete {folder} and capture again"
                )
            progress.update(1)
