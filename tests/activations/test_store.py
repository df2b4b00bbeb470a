import json

import numpy as np
import pytest
import torch
from captures import Pictures, Stop, capture_rows, content, stop_at

from visae._support.errors import VisaeError
from visae.activations import Rows, _capture
from visae.activations._store import Shard, Store


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 24)


SETTINGS = {"dim": 3, "rows_an_image": 2, "images_a_shard": 4}


def make_shard(values, images, skipped=()):
    rows = torch.as_tensor(values).half()
    position = torch.zeros(len(rows), 3, dtype=torch.int32)
    shard = Shard(images=[(f"image {index}", f"digest {index}") for index in images], skipped=list(skipped))
    for part, positions in zip(rows.split(2), position.split(2), strict=True):
        shard.add(part, positions)
    return shard


def test_nothing_is_written_before_the_first_shard(tmp_path):
    store = Store(tmp_path / "rows", SETTINGS)
    assert (store.next_image, store.skipped, store.finished) == (0, 0, False)
    assert not (tmp_path / "rows").exists()


def test_shards_are_appended_and_summarised(tmp_path):
    values = np.random.default_rng(0).normal(1000, 3, (10, 3)).astype(np.float16)
    torn = [("image 4", "torn")]
    Store(tmp_path, SETTINGS).put(make_shard(values[:6], [0, 1, 2]))
    store = Store(tmp_path, SETTINGS)
    assert (store.next_image, store.skipped, store.finished) == (4, 0, False)
    store.put(make_shard(values[6:6], [], torn))
    store.put(make_shard(values[6:], [8, 9]))
    store.finish()
    assert store.finished
    assert sorted(content(tmp_path)) == [
        "manifest.json",
        "shard-00000.safetensors",
        "shard-00001.safetensors",
        "shard-00002.safetensors",
    ]
    rows = Rows(tmp_path)
    assert (len(rows), rows.images_read, rows.images_skipped) == (10, 5, 1)
    np.testing.assert_array_equal(rows.gather(torch.arange(10)), values.astype(np.float32))
    exact = values.astype(np.float64)
    np.testing.assert_allclose(rows.mean, exact.mean(0), rtol=1e-14)
    np.testing.assert_allclose(rows.variance, exact.var(0), rtol=1e-8)
    assert rows.manifest["skipped"] == [["image 4", "torn"]]


@pytest.mark.parametrize("value", [0.0, 0.1, 3.3, 65_504.0])
def test_identical_rows_have_zero_variance(tmp_path, value):
    store = Store(tmp_path, SETTINGS)
    store.put(make_shard(np.full((999, 3), value), range(500)))
    store.finish()
    assert Rows(tmp_path).variance.tolist() == [0.0, 0.0, 0.0]
    assert Rows(tmp_path).mean.tolist() == [float(np.float16(value))] * 3


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(VisaeError, match=r"is not an empty folder and holds no manifest\.json"):
        capture_rows(tmp_path, Pictures(4))
    with pytest.raises(VisaeError, match="is not an empty folder"):
        capture_rows(tmp_path / "thesis.tex", Pictures(4))
    assert content(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_empty_folder_is_accepted(tmp_path):
    assert len(capture_rows(tmp_path, Pictures(4))) == 24


def test_leftovers_are_removed_and_foreign_files_are_kept(tmp_path):
    with pytest.raises(Stop):
        capture_rows(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    leftovers = [".manifest.json.4.tmp", ".shard-00002.safetensors.4.tmp", "shard-00002.safetensors"]
    for name in [*leftovers, "notes.txt"]:
        (tmp_path / "rows" / name).write_bytes(b"x")
    capture_rows(tmp_path / "rows", Pictures(10))
    capture_rows(tmp_path / "whole", Pictures(10))
    assert content(tmp_path / "rows") == content(tmp_path / "whole") | {"notes.txt": b"x"}


def test_a_folder_with_only_a_temporary_file_is_accepted(tmp_path):
    (tmp_path / ".manifest.json.4.tmp").write_bytes(b"{")
    capture_rows(tmp_path, Pictures(4))
    assert sorted(content(tmp_path)) == ["manifest.json", "shard-00000.safetensors"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_damaged_shards_are_refused_before_continuing(tmp_path, damage):
    with pytest.raises(Stop):
        capture_rows(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    damage(tmp_path / "rows" / "shard-00001.safetensors")
    read = []
    with pytest.raises(VisaeError, match=r"shard-00001\.safetensors is missing or damaged"):
        capture_rows(tmp_path / "rows", Pictures(10, before=read.append))
    assert read == []


@pytest.fixture
def edit_manifest(tmp_path):
    """Changes the manifest of a store, or replaces it by text."""
    capture_rows(tmp_path / "rows", Pictures(4))
    path = tmp_path / "rows" / "manifest.json"

    def change(text=None, drop=(), **keys):
        content = {key: value for key, value in (json.loads(path.read_text()) | keys).items() if key not in drop}
        path.write_text(json.dumps(content) if text is None else text)

    return change


INVALID = [
    ({"schema": 2}, "has schema 2, this version of visae reads schema 1"),
    ({"drop": ["schema"]}, "has schema None"),
    ({"text": "{"}, "is not JSON"),
    ({"text": "[]"}, "has schema None"),
    ({"state": "odd"}, "has state 'odd', expected partial or whole"),
    ({"drop": ["state"]}, "has state None"),
    ({"colour": "red"}, "unknown 'colour'"),
    ({"drop": ["mean", "rows"]}, "missing 'rows', missing 'mean'"),
    ({"state": "partial"}, "unknown 'rows'"),
]


@pytest.mark.parametrize(("change", "message"), INVALID)
def test_an_invalid_manifest_is_refused(tmp_path, edit_manifest, change, message):
    edit_manifest(**change)
    for attempt in (lambda: Rows(tmp_path / "rows"), lambda: capture_rows(tmp_path / "rows", Pictures(4))):
        with pytest.raises(VisaeError, match=message) as error:
            attempt()
        assert "\n" not in str(error.value)
        assert "manifest.json" in str(error.value)
