"""The folder of an atlas: whole or as it was."""

import json
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from visae._support.errors import VisaeError
from visae.atlas._site import Site, is_atlas, packed, rounded


def shown(out):
    return re.search(r"atlas-[0-9a-f]{8}", (out / "index.html").read_text())[0]


def test_a_new_version_takes_the_place_of_the_old(tmp_path):
    out = tmp_path / "site"
    for content in ("one", "two"):
        with Site(out) as site:
            site.write_data("data/atlas", {"what": content})
            site.publish()
        assert is_atlas(out)
        assert sorted(path.name for path in out.iterdir()) == [site.name, "index.html"]
        assert content in (out / shown(out) / "data" / "atlas.js").read_text()
        assert (out / shown(out) / "core.js").is_file()


def _interrupted(out, error):
    with Site(out) as site:
        site.write("half", b"")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whoever_is_interrupted_leaves_what_was_there(tmp_path, error):
    with Site(tmp_path) as site:
        site.publish()
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error):
        _interrupted(tmp_path, error)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert shown(tmp_path) in before


KILLED = """
import os, signal, sys
from pathlib import Path
from visae.atlas._site import Site

with Site(Path(sys.argv[1])) as site:
    site.write("half", b"")
    Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    site.publish()
"""


@pytest.mark.parametrize("times", [0, 1])
def test_what_a_killed_process_left_goes_with_the_next(tmp_path, times):
    for _ in range(times):
        _published(tmp_path)
    before = [path.name for path in tmp_path.iterdir()]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == len(before) + 2  # a version, and the page before it was renamed
    if times:
        assert shown(tmp_path) in before
    _published(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [shown(tmp_path), "index.html"]


@pytest.mark.parametrize("name", ["atlas-20240131", "atlas-photos"])
def test_a_folder_of_somebody_elses_is_left_alone_whatever_its_name(tmp_path, name):
    mine = tmp_path / "other" / name / "photograph"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(VisaeError, match=f"holds {name}"):
        Site(tmp_path / "other")
    _published(tmp_path / "site")
    mine.parent.rename(tmp_path / "site" / name)
    _published(tmp_path / "site")
    assert (tmp_path / "site" / name / "photograph").read_text() == "mine"


def test_an_interruption_after_the_page_changed_leaves_the_new_one(tmp_path, monkeypatch):
    with Site(tmp_path) as site:
        site.publish()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("visae.atlas._site.shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _published(tmp_path)
    assert (tmp_path / shown(tmp_path) / "core.js").is_file()


def _published(out):
    with Site(out) as site:
        site.publish()


def test_of_two_at_once_the_one_whose_folder_is_gone_says_so(tmp_path):
    with Site(tmp_path) as one:
        _published(tmp_path)
        with pytest.raises(VisaeError, match="another atlas was written"):
            one.write("data/x.js", b"")
    assert (tmp_path / shown(tmp_path) / "core.js").is_file()


def test_nothing_else_is_overwritten(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Mine</h1>")
    with pytest.raises(VisaeError, match=r"holds index.html and is no atlas"):
        Site(tmp_path)
    with pytest.raises(VisaeError, match="is a file"):
        Site(tmp_path / "index.html")


@pytest.mark.parametrize("text", ["</script><script>", "a\u2028b", '"\\\n', "\u202egnp.exe", "é"])
def test_data_are_ascii_and_end_no_script(tmp_path, text):
    with Site(tmp_path) as site:
        site.write_data("data/x", {text: [text]})
        written = (site.folder / "data" / "x.js").read_bytes()
    assert written.isascii()
    assert b"<" not in written
    name, content = re.fullmatch(r'visae\.take\(("data/x"),(.*)\);\n', written.decode()).groups()
    assert json.loads(name) == "data/x"
    assert json.loads(content) == {text: [text]}


def test_numbers_are_short_and_nan_is_null():
    assert rounded([1.23456, float("nan"), 2.0, 0.0, 123456.0, -1e-9]) == [1.235, None, 2, 0, 123500, -1e-9]
    assert rounded(np.array([0.5, float("inf")])) == [0.5, None]
    assert rounded(float(np.float32(1) / 3), 3) == 0.333
    assert packed(np.array([0, 255], np.uint8)) == "AP8="
