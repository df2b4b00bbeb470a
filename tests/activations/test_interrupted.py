import subprocess
import sys
from pathlib import Path

import pytest
from captures import CAPTURE, Pictures, Stop, content, layers_of, same_tower, stop_at, take, tower

from visae._support import files
from visae.activations import Positions, capture_layers

BAD = {1, 4, 5}


def make(out, images, **more):
    """Rows of ten images in five batches, the third unreadable, in three shards."""
    return take(out, images, batch=2, **more)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 25)


def make_two(out, images):
    layers = {name: out / name for name in ("early", "late")}
    return capture_layers(same_tower(), layers, images, Positions("all"), 2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `make` leaves that is not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CAPTURE, "_ROWS_A_SHARD", 25)
        make(folder, Pictures(10, BAD))
    assert len(content(folder)) == 4
    return content(folder)


@pytest.fixture(scope="module")
def whole_two(tmp_path_factory):
    """What `make_two` leaves that is not interrupted: shards of two images in one layer, of four in the other."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CAPTURE, "_ROWS_A_SHARD", 64)
        make_two(folder, Pictures(10, BAD))
    assert len(content(folder)) == 6 + 4
    return content(folder)


@pytest.mark.parametrize("moment", range(0, 10, 2))
def test_stopped_in_the_images_and_started_again(tmp_path, whole, moment):
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, BAD, before=stop_at(moment)))
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


@pytest.mark.parametrize("moment", range(1, 6))
def test_stopped_in_the_network_and_started_again(tmp_path, whole, moment):
    net = tower()
    layers_of(net).early.before = stop_at(moment)
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, BAD), network=net)
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


class Writes:
    """Stands for `files.write_bytes`: stops before or after a write, or halfway, and leaves what a kill would leave."""

    def __init__(self, moment, how):
        self.left, self.how, self.write = moment, how, files.write_bytes

    def __call__(self, path, data):
        self.left -= 1
        if self.left < 0 and self.how == "half":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.77.tmp").write_bytes(data[: len(data) // 2])
        if self.left >= 0 or self.how == "after":
            self.write(path, data)
        if self.left < 0:
            raise Stop


@pytest.mark.parametrize("how", ["before", "half", "after"])
@pytest.mark.parametrize("moment", range(8))
def test_stopped_at_a_write_and_started_again(tmp_path, whole, monkeypatch, moment, how):
    """An empty manifest, then three shards with a manifest each, then the whole manifest: eight writes."""
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", Writes(moment, how))
        with pytest.raises(Stop):
            make(tmp_path / "rows", Pictures(10, BAD))
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


@pytest.mark.parametrize("moment", range(1, 20, 2))
def test_two_layers_stopped_at_a_write_and_started_again(tmp_path, whole_two, monkeypatch, moment):
    """Shards of different lengths: 12 writes of one layer, 8 of the other, in turn."""
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 64)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", Writes(moment, "half"))
        with pytest.raises(Stop):
            make_two(tmp_path / "rows", Pictures(10, BAD))
    make_two(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole_two


def test_what_is_whole_is_not_read_again(tmp_path):
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    read = []
    make(tmp_path / "rows", Pictures(10, before=read.append))
    assert sorted(read) == [8, 9]


def test_killed_again_and_again(tmp_path, monkeypatch):
    script = Path(__file__).with_name("killed.py")
    moments = ["0", "0.002", "0.005", "0.01", "0.02"]
    command = [sys.executable, str(script), str(tmp_path / "rows"), *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    # On a busy machine one may come to its end before it is killed.
    assert int(done.stdout.split()[0]) >= 3, done.stdout
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 50)
    layers = {name: tmp_path / "whole" / name for name in ("early", "late")}
    capture_layers(same_tower(), layers, Pictures(60, bad={5, 31}), Positions("uniform", 6), 4)
    assert content(tmp_path / "rows") == content(tmp_path / "whole")
