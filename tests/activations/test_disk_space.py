import shutil
from collections import namedtuple

import pytest
from captures import Pictures, Stop, capture_rows, shared_tower, stop_at

from visae._support import files
from visae._support.errors import VisaeError
from visae.activations import Positions, _capture, _disk_space, capture_layers

Usage = namedtuple("Usage", "total used free")
# Ten images, 6 positions each, of 5 channels in float16 and three int32 for the position.
EARLY = 10 * 6 * (2 * 5 + 12)
LATE = 10 * 6 * (2 * 7 + 12)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 24)


@pytest.fixture
def free(monkeypatch):
    """Sets the free disk space."""

    def set_free(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - size, size))

    return set_free


def capture_two(out, **more):
    layers = {name: out / name for name in ("early", "late")}
    return capture_layers(shared_tower(), layers, Pictures(10), Positions("magnitude", 6), 4, **more)


@pytest.mark.parametrize(
    ("layer", "positions", "channels"),
    [("early", Positions("uniform", 6), 5), ("late", Positions("all"), 7), ("late", Positions("uniform", 1), 7)],
)
def test_the_size_announced_is_the_size_on_disk(tmp_path, capsys, layer, positions, channels):
    class CapturesOutput(Pictures):
        def read(self, index):
            printed.append(capsys.readouterr().err)
            return super().read(index)

    printed = []
    rows = capture_rows(tmp_path / "rows", CapturesOutput(10), layer, positions)
    bytes_per_row = 2 * channels + 12
    assert f"{len(rows)} rows of {channels} from {layer}" in printed[0]
    size = len(rows) * bytes_per_row
    assert f"{size} bytes on disk" in printed[0] or f"{size / 1000:.3g} kB on disk" in printed[0]
    tensor_bytes = 0
    for shard in rows.manifest["shards"]:
        tensors, _ = files.read_tensors(rows.folder / shard["file"], 1)
        tensor_bytes += sum(tensors[name].nbytes for name in ("rows", "position"))
        # Besides the rows: two float64 sums, and a header that lists the images.
        overhead = (rows.folder / shard["file"]).stat().st_size - shard["rows"] * bytes_per_row
        assert 0 < overhead < 16 * channels + 1000 + 100 * 8
    assert tensor_bytes == size


def test_a_capture_above_the_limit_is_refused_before_it_starts(tmp_path):
    read = []
    images = Pictures(10, before=read.append)
    with pytest.raises(VisaeError, match=rf"needs 1,320 bytes \(1\.32 kB\), but --max-disk allows {EARLY - 1:,} bytes"):
        capture_rows(tmp_path / "rows", images, max_disk=EARLY - 1)
    assert read == []
    assert list(tmp_path.iterdir()) == []
    # The refused capture left no trace that would block a smaller one.
    capture_rows(tmp_path / "rows", images, positions=Positions("magnitude", 5), max_disk=EARLY - 1)
    capture_rows(tmp_path / "exactly", images, max_disk=EARLY)


def test_the_limit_is_for_all_layers_together(tmp_path):
    with pytest.raises(VisaeError, match=f"needs {EARLY + LATE:,} bytes .* allows {EARLY + LATE - 1:,} bytes"):
        capture_two(tmp_path, max_disk=EARLY + LATE - 1)
    capture_two(tmp_path, max_disk=EARLY + LATE)


def test_a_full_disk_is_refused_before_it_starts(tmp_path, free):
    free(EARLY + LATE - 1)
    with pytest.raises(
        VisaeError, match=f"needs {EARLY + LATE:,} bytes .* more, but {EARLY + LATE - 1:,} bytes .* are free"
    ):
        capture_two(tmp_path / "deep" / "down")
    assert list(tmp_path.iterdir()) == []
    free(EARLY + LATE)
    capture_two(tmp_path / "deep" / "down")


def test_only_missing_shards_need_space(tmp_path, free):
    with pytest.raises(Stop):
        capture_rows(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    left = EARLY // 10 * 2
    free(left - 1)
    with pytest.raises(VisaeError, match=f"needs {left} bytes .* more, but {left - 1} bytes .* are free"):
        capture_rows(tmp_path / "rows", Pictures(10))
    free(left)
    rows = capture_rows(tmp_path / "rows", Pictures(10))
    free(0)
    assert len(capture_rows(tmp_path / "rows", Pictures(10), max_disk=0)) == len(rows) == 60


def test_free_space_is_checked_per_disk(tmp_path, monkeypatch):
    disks = {"early": (1, EARLY), "late": (2, LATE)}
    monkeypatch.setattr(_disk_space, "_disk", lambda folder: disks[folder.name])
    capture_two(tmp_path / "two disks")
    disks["late"] = (1, EARLY)
    with pytest.raises(VisaeError, match=f"needs {EARLY + LATE:,} bytes .* more, but {EARLY:,} bytes .* are free"):
        capture_two(tmp_path / "one disk")
