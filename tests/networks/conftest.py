"""What the tests of networks share."""

import pytest


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """The folder of a cache without weights, and no `VISAE_WEIGHTS`, so that only what a test names is found."""
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VISAE_WEIGHTS", raising=False)
    return tmp_path / "cache" / "weights"
