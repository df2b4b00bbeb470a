import shutil
from collections import namedtuple

import pytest
from captures import CAPTURE, Pictures, Stop, same_tower, stop_at, take

from visae._support import files
from visae._support.errors import VisaeError
from visae.activations import Positions, capture_layers
from visae.activations import _disk_space as space

Usage = namedtuple("Usage", "total used free")
# Ten images, 6 positions each, of 5 channels in float16 and three int32 for the place.
EARLY = 10 * 6 * (2 * 5 + 12)
LATE = 10 * 6 * (2 * 7 + 12)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 24)


@pytest.fixture
def free(monkeypatch):
    """Says how much room the disk has."""

    def say(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - size, size))

    return say


def take_two(out, **more):
    layers = {name: out / name for name in ("early", "late")}
    return capture_layers(same_tower(), layers, Pictures(10), Positions("magnitude", 6), 4, **more)


@pytest.mark.parametrize(
    ("layer", "positions", "channels"),
    [("early", Positions("uniform", 6), 5), ("late", Positions("all"), 7), ("late", Positions("uniform", 1), 7)],
)
def test_the_size_shown_is_the_size_on_disk(tmp_path, capsys, layer, positions, channels):
    class ShownFirst(Pictures):
        def read(self, index):
            shown.append(capsys.readouterr().err)
            return super().read(index)

    shown = []
    rows = take(tmp_path / "rows", ShownFirst(10), layer, positions)
    a_row = 2 * channels + 12
    assert f"{len(rows)} rows of {channels} from {layer}" in shown[0]
    size = len(rows) * a_row
    assert f"{size} bytes on disk" in shown[0] or f"{size / 1000:.3g} kB on disk" in shown[0]
    of_tensors = 0
    for shard in rows.manifest["shards"]:
        tensors, _ = files.read_tensors(rows.folder / shard["file"], 1)
        of_tensors += sum(tensors[name].nbytes for name in ("rows", "position"))
        # Beside the rows: the two sums of float64, and a header that names the images.
        beside = (rows.folder / shard["file"]).stat().st_size - shard["rows"] * a_row
        assert 0 < beside < 16 * channels + 1000 + 100 * 8
    assert of_tensors == size


def test_more_than_allowed_is_refused_before_it_starts(tmp_path):
    read = []
    images = Pictures(10, before=read.append)
    with pytest.raises(VisaeError, match=rf"needs 1,320 bytes \(1\.32 kB\), --max-disk allows {EARLY - 1:,} bytes"):
        take(tmp_path / "rows", images, max_disk=EARLY - 1)
    assert read == []
    assert list(tmp_path.iterdir()) == []
    # The folder is free for what the message advises.
    take(tmp_path / "rows", images, positions=Positions("magnitude", 5), max_disk=EARLY - 1)
    take(tmp_path / "exactly", images, max_disk=EARLY)


def test_layers_count_together(tmp_path):
    with pytest.raises(VisaeError, match=f"needs {EARLY + LATE:,} bytes .* allows {EARLY + LATE - 1:,} bytes"):
        take_two(tmp_path, max_disk=EARLY + LATE - 1)
    take_two(tmp_path, max_disk=EARLY + LATE)


def test_a_full_disk_is_refused_before_it_starts(tmp_path, free):
    free(EARLY + LATE - 1)
    with pytest.raises(
        VisaeError, match=f"needs {EARLY + LATE:,} bytes .* more, {EARLY + LATE - 1:,} bytes .* are free"
    ):
        take_two(tmp_path / "deep" / "down")
    assert list(tmp_path.iterdir()) == []
    free(EARLY + LATE)
    take_two(tmp_path / "deep" / "down")


def test_what_is_there_already_needs_no_room(tmp_path, free):
    with pytest.raises(Stop):
        take(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    left = EARLY // 10 * 2
    free(left - 1)
    with pytest.raises(VisaeError, match=f"needs {left} bytes .* more, {left - 1} bytes .* are free"):
        take(tmp_path / "rows", Pictures(10))
    free(left)
    rows = take(tmp_path / "rows", Pictures(10))
    free(0)
    assert len(take(tmp_path / "rows", Pictures(10), max_disk=0)) == len(rows) == 60


def test_disks_are_looked_at_one_by_one(tmp_path, monkeypatch):
    room = {"early": (1, EARLY), "late": (2, LATE)}
    monkeypatch.setattr(space, "_disk", lambda folder: room[folder.name])
    take_two(tmp_path / "two disks")
    room["late"] = (1, EARLY)
    with pytest.raises(VisaeError, match=f"needs {EARLY + LATE:,} bytes .* more, {EARLY:,} bytes .* are free"):
        take_two(tmp_path / "one disk")
