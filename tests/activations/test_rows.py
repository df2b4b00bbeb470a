import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from captures import Pictures, Stop, capture_rows, rows_and_positions, stop_at

from visae._support.errors import VisaeError
from visae.activations import Positions, Rows, _capture, _rows

# The second and the last shard have no rows.
BAD = {1, 4, 5, 6, 7, 12}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A store of 42 rows in four shards."""
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 24)
    assert len(capture_rows(tmp_path / "rows", Pictures(13, BAD))) == 42
    return tmp_path / "rows"


INDICES = [
    [0],
    [41],
    [5, 17, 18, 19, 41],
    [41, 0, 23, 0, 24, 24],
    list(range(42)),
    list(reversed(range(42))),
    [],
]


@pytest.mark.parametrize("index", INDICES)
def test_rows_are_the_same_from_memory_and_from_disk(folder, monkeypatch, index):
    index = torch.tensor(index, dtype=torch.int64)
    from_memory = Rows(folder)
    stored = from_memory.gather(torch.arange(42))
    assert torch.equal(from_memory.gather(index), stored[index])
    monkeypatch.setattr(_rows, "_IN_MEMORY", 42 * 5 * 2 - 1)
    from_disk = Rows(folder)
    assert from_disk._in_memory is None
    assert torch.equal(from_disk.gather(index), stored[index])
    assert from_disk.gather(index).dtype == torch.float32


def test_a_store_at_the_limit_is_held_in_memory(folder, monkeypatch):
    monkeypatch.setattr(_rows, "_IN_MEMORY", 42 * 5 * 2)
    assert Rows(folder)._in_memory.shape == (42, 5)


def mapped(folder):
    """The mappings of files below a folder into this process."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc/self/maps")
def test_memory_does_not_grow_with_a_store_read_from_disk(tmp_path, monkeypatch):
    rows = capture_rows(tmp_path / "rows", Pictures(40), "early", Positions("all"))
    monkeypatch.setattr(_rows, "_IN_MEMORY", 0)
    rows = Rows(tmp_path / "rows")
    index = torch.arange(0, len(rows), 100)
    rows.gather(index)
    tracemalloc.start()
    for shift in range(20):
        rows.gather(index + shift)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(rows) * rows.dim
    assert mapped(tmp_path) == []


def test_every_row_has_its_image_and_position(folder):
    _, coordinates = rows_and_positions(Rows(folder))
    read = [index for index in range(13) if index not in BAD]
    assert [image for image, _, _ in coordinates] == np.repeat(read, 6).tolist()
    assert all(0 <= y < 8 and 0 <= x < 8 for _, y, x in coordinates)
    for index in (-1, 42):
        with pytest.raises(IndexError, match=f"row {index} of 42"):
            Rows(folder).position(index)


def test_the_digest_identifies_the_rows(folder, tmp_path, monkeypatch):
    digest = Rows(folder).digest
    assert capture_rows(tmp_path / "again", Pictures(13, BAD)).digest == digest
    assert capture_rows(tmp_path / "other images", Pictures(13, BAD, content=1)).digest != digest
    assert (
        capture_rows(tmp_path / "other positions", Pictures(13, BAD), positions=Positions("uniform", 6)).digest
        != digest
    )
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 48)
    assert capture_rows(tmp_path / "other shards", Pictures(13, BAD)).digest != digest


def test_a_folder_without_a_store_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(VisaeError, match=rf"{folder} holds no manifest\.json; .*visae capture"):
            Rows(folder)


def test_an_unfinished_store_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 24)
    with pytest.raises(Stop):
        capture_rows(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    with pytest.raises(VisaeError, match="is unfinished"):
        Rows(tmp_path / "rows")


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), flip, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"x" * 999)],
)
@pytest.mark.parametrize("shard", [0, 3])
def test_damaged_and_missing_shards_are_refused(folder, damage, shard):
    damage(folder / f"shard-0000{shard}.safetensors")
    with pytest.raises(VisaeError, match=rf"shard-0000{shard}\.safetensors is missing or damaged"):
        Rows(folder)
