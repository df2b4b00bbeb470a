"""The user's cache."""

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """Return a folder of the cache: `VISAE_CACHE`, or the user's cache if that is unset; it need not exist."""
    chosen = os.environ.get("VISAE_CACHE")
    return (Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("visae")) / name
