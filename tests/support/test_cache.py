import platformdirs
import pytest

from visae._support.cache import cache_folder
from visae._support.paths import published


def test_the_cache_is_the_users_unless_the_environment_names_one(monkeypatch, tmp_path):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    assert cache_folder("weights") == tmp_path / "cache" / "weights"
    monkeypatch.delenv("VISAE_CACHE")
    assert cache_folder("weights") == platformdirs.user_cache_path("visae") / "weights"


@pytest.mark.parametrize("folder", ["zoo", "viz"])
def test_published_folders_exist(folder):
    assert published(folder).is_dir()
