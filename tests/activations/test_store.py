import numpy as np
import pytest
import torch
from captures import CAPTURE, Pictures, Stop, content, stop_at, take

from visae._support.errors import VisaeError
from visae.activations import Rows
from visae.activations._store import Shard, Store


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 24)


SETTINGS = {"dim": 3, "rows_an_image": 2, "images_a_shard": 4}


def shard_of(values, images, skipped=()):
    rows = torch.as_tensor(values).half()
    place = torch.zeros(len(rows), 3, dtype=torch.int32)
    shard = Shard(images=[(f"image {index}", f"digest {index}") for index in images], skipped=list(skipped))
    for part, where in zip(rows.split(2), place.split(2), strict=True):
        shard.add(part, where)
    return shard


def test_nothing_is_written_before_the_first_shard(tmp_path):
    store = Store(tmp_path / "rows", SETTINGS)
    assert (store.next_image, store.skipped, store.finished) == (0, 0, False)
    assert not (tmp_path / "rows").exists()


def test_shards_are_put_one_after_the_other_and_summed_up(tmp_path):
    values = np.random.default_rng(0).normal(1000, 3, (10, 3)).astype(np.float16)
    torn = [("image 4", "torn")]
    Store(tmp_path, SETTINGS).put(shard_of(values[:6], [0, 1, 2]))
    store = Store(tmp_path, SETTINGS)
    assert (store.next_image, store.skipped, store.finished) == (4, 0, False)
    store.put(shard_of(values[6:6], [], torn))
    store.put(shard_of(values[6:], [8, 9]))
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
def test_rows_that_are_all_alike_have_no_variance(tmp_path, value):
    store = Store(tmp_path, SETTINGS)
    store.put(shard_of(np.full((999, 3), value), range(500)))
    store.finish()
    assert Rows(tmp_path).variance.tolist() == [0.0, 0.0, 0.0]
    assert Rows(tmp_path).mean.tolist() == [float(np.float16(value))] * 3


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(
        VisaeError, match=r"is not an empty folder and holds no manifest\.json; capture into a new folder"
    ):
        take(tmp_path, Pictures(4))
    with pytest.raises(VisaeError, match="is not an empty folder"):
        take(tmp_path / "thesis.tex", Pictures(4))
    assert content(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    assert len(take(tmp_path, Pictures(4))) == 24


def test_leftovers_are_cleaned_and_foreign_files_are_not(tmp_path):
    with pytest.raises(Stop):
        take(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    leftovers = [".manifest.json.4.tmp", ".shard-00002.safetensors.4.tmp", "shard-00002.safetensors"]
    for name in [*leftovers, "notes.txt"]:
        (tmp_path / "rows" / name).write_bytes(b"x")
    take(tmp_path / "rows", Pictures(10))
    take(tmp_path / "whole", Pictures(10))
    assert content(tmp_path / "rows") == content(tmp_path / "whole") | {"notes.txt": b"x"}


def test_a_temporary_file_alone_does_not_make_a_folder_foreign(tmp_path):
    (tmp_path / ".manifest.json.4.tmp").write_bytes(b"{")
    take(tmp_path, Pictures(4))
    assert sorted(content(tmp_path)) == ["manifest.json", "shard-00000.safetensors"]


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_shard_that_was_harmed_since_is_found_before_going_on(tmp_path, harm):
    with pytest.raises(Stop):
        take(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    harm(tmp_path / "rows" / "shard-00001.safetensors")
    read = []
    with pytest.raises(
        VisaeError, match=r"shard-00001\.safetensors is missing or damaged .*; delete .* and capture again"
    ):
        take(tmp_path / "rows", Pictures(10, before=read.append))
    assert read == []
