from pathlib import Path

import pytest

from visae._support.errors import VisaeError
from visae.networks._cards import FileDigest, NetworkCard, WeightsFile
from visae.networks._weight_files import find_weights

DIGEST = FileDigest("sha256_prefix", "f37072fd")
ENTRY = WeightsFile("toy.pth", "https://example.org/toy.pth", DIGEST, also=("toy.npz",))
CARD = NetworkCard("toy", "Toy", "A toy.", "MIT", "here", (ENTRY,))


@pytest.fixture(autouse=True)
def cache(empty_cache):
    return empty_cache


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("name", ["toy.pth", "toy.npz"])
def test_order_of_the_search(tmp_path, monkeypatch, cache, name):
    cached = write(cache / name)
    assert find_weights(CARD) == cached
    chosen = write(tmp_path / "chosen" / name)
    monkeypatch.setenv("VISAE_WEIGHTS", str(chosen.parent))
    assert find_weights(CARD) == chosen
    given = write(tmp_path / "given" / name)
    assert find_weights(CARD, given.parent) == given
    assert find_weights(CARD, given) == given


def test_the_published_name_is_preferred(cache):
    write(cache / "toy.npz")
    published = write(cache / "toy.pth")
    assert find_weights(CARD) == published


def test_a_file_given_by_path_may_have_any_name(tmp_path, monkeypatch):
    mine = write(tmp_path / "mine.safetensors")
    assert find_weights(CARD, mine) == mine
    monkeypatch.setenv("VISAE_WEIGHTS", str(mine))
    assert find_weights(CARD) == mine


def test_a_folder_in_the_environment_need_not_have_this_network(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("VISAE_WEIGHTS", str(write(tmp_path / "chosen" / "another.pth").parent))
    cached = write(cache / "toy.npz")
    assert find_weights(CARD) == cached


def test_missing_weights_name_the_command_that_fetches_them(tmp_path, monkeypatch, cache):
    chosen = write(tmp_path / "chosen" / "another.pth").parent
    monkeypatch.setenv("VISAE_WEIGHTS", str(chosen))
    with pytest.raises(VisaeError) as caught:
        find_weights(CARD)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("`visae fetch toy`", ENTRY.url, "f37072fd", "toy.pth or toy.npz", str(chosen), str(cache)):
        assert part in message


def test_a_given_path_has_no_fallback(tmp_path, cache):
    write(cache / "toy.pth")
    with pytest.raises(VisaeError, match=r"given is .*nowhere, which does not exist"):
        find_weights(CARD, tmp_path / "nowhere")
    with pytest.raises(VisaeError, match=r"no weights of toy, expected toy\.pth or toy\.npz"):
        find_weights(CARD, tmp_path)


def test_a_missing_path_in_the_environment_is_an_error(tmp_path, monkeypatch, cache):
    write(cache / "toy.pth")
    monkeypatch.setenv("VISAE_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(VisaeError, match=r"VISAE_WEIGHTS is .*nowhere, which does not exist"):
        find_weights(CARD)
