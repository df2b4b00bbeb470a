import platformdirs

from visae._support.cache import cache_folder


def test_the_cache_is_the_users_unless_the_environment_names_another(monkeypatch, tmp_path):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    assert cache_folder("weights") == tmp_path / "cache" / "weights"
    monkeypatch.delenv("VISAE_CACHE")
    assert cache_folder("weights") == platformdirs.user_cache_path("visae") / "weights"
