"""Where visae keeps what it can get, or work out, again."""

import os
from pathlib import Path

import platformdirs


def cache_folder(what: str) -> Path:
    """A folder of this name in `VISAE_CACHE`, or in the user's cache if that is unset; it need not exist."""
    chosen = os.environ.get("VISAE_CACHE")
    return (Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("visae")) / what
