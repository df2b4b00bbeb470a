import re
import tempfile
from pathlib import Path

import pytest

from visae._support.errors import VisaeError
from visae._support.paths import (
    leaves_count,
    published,
    require_dictionary,
    require_folder,
    require_images,
    require_store,
)


@pytest.fixture
def run(tmp_path):
    """A folder as `visae run` leaves it, with empty files."""
    for file in ("dictionary/sae.safetensors", "rows/manifest.json"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize("given", ["dictionary", "dictionary/sae.safetensors"])
@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_a_dictionary_is_a_file_or_its_folder(run, given, kind):
    assert require_dictionary(kind(run / given)) == run / "dictionary" / "sae.safetensors"


@pytest.mark.parametrize(
    ("given", "missing", "advice"),
    [
        ("", "sae.safetensors", "give {}/dictionary"),
        ("rows", "rows/sae.safetensors", "visae train --out {}/rows ..."),
        ("typo", "typo", "visae train --out {}/typo ..."),
        ("typo/sae.safetensors", "typo/sae.safetensors", "visae train --out {}/typo ..."),
        ("sae.safetensors", "sae.safetensors", "give {}/dictionary"),
    ],
)
def test_a_missing_dictionary_is_refused_with_advice(run, given, missing, advice):
    with pytest.raises(VisaeError, match=re.escape(f"no dictionary at {run / missing}; ")) as error:
        require_dictionary(run / given)
    assert advice.format(run) in str(error.value)


def test_a_store_is_a_folder_with_a_manifest(run):
    assert require_store(run / "rows") == require_store(str(run / "rows")) == run / "rows" / "manifest.json"
    for path in (run, run / "nowhere", run / "rows" / "manifest.json"):
        with pytest.raises(VisaeError, match=re.escape(f"{path} holds no manifest.json")) as error:
            require_store(path)
        assert f"visae capture --out {path} ..." in str(error.value)


def test_images_are_a_path_that_exists_or_dead_leaves(run):
    require_images(str(run))
    require_images(str(run / "rows" / "manifest.json"))
    require_images("leaves:1")
    with pytest.raises(VisaeError, match=r"nothing at .*nowhere; .* leaves:N"):
        require_images(str(run / "nowhere"))
    with pytest.raises(VisaeError, match="'leaves:0'"):
        require_images("leaves:0")


@pytest.mark.parametrize(("name", "count"), [("leaves:1", 1), ("leaves:2000", 2000), ("leaves:007", 7)])
def test_leaves_are_counted(name, count):
    assert leaves_count(name) == count


@pytest.mark.parametrize("count", ["", "0", "-3", "2.5", "1e3", "many", " 5", "²", "٣"])
def test_anything_but_a_count_of_leaves_is_refused(count):
    with pytest.raises(VisaeError, match=re.escape(f"'leaves:{count}'")):
        leaves_count(f"leaves:{count}")


def test_a_folder_to_write_into_must_not_be_a_file_or_lie_below_one(run):
    require_folder("--out", None)
    require_folder("--out", run)
    require_folder("--out", run / "new" / "deep")
    file = run / "rows" / "manifest.json"
    for out in (file, file / "new" / "deep"):
        with pytest.raises(VisaeError, match=re.escape(f"--out is {out}, but {file} is a file")):
            require_folder("--out", out)


def test_a_folder_to_write_into_must_be_writable(run, monkeypatch):
    tried = []

    def read_only(dir):
        tried.append(dir)
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    for out, folder in ((run, run), (run / "new" / "deep", run), (Path("new"), Path.cwd())):
        message = f"--out is {out}, but nothing can be written to {folder}: Read-only file system; "
        with pytest.raises(VisaeError, match=re.escape(message)):
            require_folder("--out", out)
    assert tried == [run, run, Path.cwd()]


def test_checking_a_folder_leaves_nothing_behind(tmp_path):
    require_folder("--out", tmp_path)
    require_folder("--out", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["zoo", "viz"])
def test_published_folders_exist(folder):
    assert published(folder).is_dir()
