import subprocess
import sys
from pathlib import Path

import pytest
from captures import Pictures, Stop, capture_rows, content, modules_of, shared_tower, stop_at, tower

from visae._support import files
from visae.activations import Positions, _capture, capture_layers

BAD = {1, 4, 5}


def capture_one(out, images, **more):
    """Capture ten images in five batches, the third unreadable, into three shards."""
    return capture_rows(out, images, batch=2, **more)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 25)


def capture_two(out, images):
    layers = {name: out / name for name in ("early", "late")}
    return capture_layers(shared_tower(), layers, images, Positions("all"), 2)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The files of an uninterrupted `capture_one`."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_capture, "_ROWS_PER_SHARD", 25)
        capture_one(folder, Pictures(10, BAD))
    assert len(content(folder)) == 4
    return content(folder)


@pytest.fixture(scope="module")
def uninterrupted_two(tmp_path_factory):
    """The files of an uninterrupted `capture_two`: shards of two images in one layer, of four in the other."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_capture, "_ROWS_PER_SHARD", 64)
        capture_two(folder, Pictures(10, BAD))
    assert len(content(folder)) == 6 + 4
    return content(folder)


@pytest.mark.parametrize("moment", range(0, 10, 2))
def test_a_capture_stopped_while_reading_continues(tmp_path, uninterrupted, moment):
    with pytest.raises(Stop):
        capture_one(tmp_path / "rows", Pictures(10, BAD, before=stop_at(moment)))
    capture_one(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == uninterrupted


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_capture_stopped_in_a_forward_pass_continues(tmp_path, uninterrupted, moment):
    net = tower()
    modules_of(net).early.before = stop_at(moment)
    with pytest.raises(Stop):
        capture_one(tmp_path / "rows", Pictures(10, BAD), network=net)
    capture_one(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == uninterrupted


class StoppedWrites:
    """Replaces `files.write_bytes`: stops before, halfway through or after a write, as a kill would."""

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


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "half", "after"])
@pytest.mark.parametrize("moment", range(8))
def test_a_capture_stopped_at_a_write_continues(tmp_path, uninterrupted, monkeypatch, moment, how):
    """An empty manifest, three shards with a manifest each, and the complete manifest: eight writes."""
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", StoppedWrites(moment, how))
        with pytest.raises(Stop):
            capture_one(tmp_path / "rows", Pictures(10, BAD))
    capture_one(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == uninterrupted


@pytest.mark.parametrize("moment", range(1, 20, 2))
def test_a_capture_of_two_layers_stopped_at_a_write_continues(tmp_path, uninterrupted_two, monkeypatch, moment):
    """Shards of different lengths: 12 writes of one layer and 8 of the other, alternating."""
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 64)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", StoppedWrites(moment, "half"))
        with pytest.raises(Stop):
            capture_two(tmp_path / "rows", Pictures(10, BAD))
    capture_two(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == uninterrupted_two


def test_images_of_complete_shards_are_not_read_again(tmp_path):
    with pytest.raises(Stop):
        capture_one(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    read = []
    capture_one(tmp_path / "rows", Pictures(10, before=read.append))
    assert sorted(read) == [8, 9]


@pytest.mark.slow
def test_a_capture_killed_repeatedly_continues(tmp_path, monkeypatch):
    script = Path(__file__).with_name("killed.py")
    delays = ["0", "0.002", "0.005", "0.01", "0.02"]
    command = [sys.executable, str(script), str(tmp_path / "rows"), *delays]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    # On a busy machine one may finish before it is killed.
    assert int(done.stdout.split()[0]) >= 3, done.stdout
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 50)
    layers = {name: tmp_path / "uninterrupted" / name for name in ("early", "late")}
    capture_layers(shared_tower(), layers, Pictures(60, bad={5, 31}), Positions("uniform", 6), 4)
    assert content(tmp_path / "rows") == content(tmp_path / "uninterrupted")
