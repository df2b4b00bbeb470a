"""The folder of an atlas: complete, or as it was before."""

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
    """The version that a folder's page shows."""
    return re.search(r"atlas-[0-9a-f]{8}", (out / "index.html").read_text())[0]


def publish(out):
    with Site(out) as site:
        site.publish()


def test_new_version_replaces_the_old(tmp_path):
    out = tmp_path / "site"
    for content in ("one", "two"):
        with Site(out) as site:
            site.write_data("data/atlas", {"content": content})
            site.publish()
        assert is_atlas(out)
        assert sorted(path.name for path in out.iterdir()) == [site.name, "index.html"]
        assert content in (out / shown(out) / "data" / "atlas.js").read_text()
        assert (out / shown(out) / "core.js").is_file()


def _interrupt(out, error):
    with Site(out) as site:
        site.write("half", b"")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interruption_leaves_the_old_version(tmp_path, error):
    publish(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error):
        _interrupt(tmp_path, error)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert shown(tmp_path) in before


# Kills itself before index.html is renamed, once for each folder; forks, since imports take seconds.
KILLED = """
import os, signal, sys
from pathlib import Path
from visae.atlas._site import Site

for folder in sys.argv[1:]:
    if os.fork() == 0:
        with Site(Path(folder)) as site:
            site.write("half", b"")
            Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            site.publish()
    _, status = os.wait()
    print(os.WTERMSIG(status))
"""


@pytest.mark.slow
def test_next_version_removes_what_a_killed_process_left(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    publish(old)
    before = shown(old)
    killed = subprocess.run([sys.executable, "-c", KILLED, new, old], check=True, capture_output=True, text=True)
    assert [int(code) for code in killed.stdout.split()] == 2 * [signal.SIGKILL]
    # A version, and the page that was not renamed.
    assert len(list(new.iterdir())) == 2
    assert len(list(old.iterdir())) == 4
    assert shown(old) == before
    for out in (new, old):
        publish(out)
        assert sorted(path.name for path in out.iterdir()) == [shown(out), "index.html"]


@pytest.mark.parametrize("name", ["atlas-20240131", "atlas-photos"])
def test_folders_of_the_user_are_kept_whatever_their_name(tmp_path, name):
    mine = tmp_path / "other" / name / "photograph"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(VisaeError, match=f"holds {name}"):
        Site(tmp_path / "other")
    publish(tmp_path / "site")
    mine.parent.rename(tmp_path / "site" / name)
    publish(tmp_path / "site")
    assert (tmp_path / "site" / name / "photograph").read_text() == "mine"


def test_interruption_after_the_page_changed_leaves_the_new_version(tmp_path, monkeypatch):
    publish(tmp_path)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("visae.atlas._site.shutil.rmtree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path)
    assert (tmp_path / shown(tmp_path) / "core.js").is_file()


def test_version_removed_by_another_writer_is_reported(tmp_path):
    with Site(tmp_path) as site:
        publish(tmp_path)
        with pytest.raises(VisaeError, match="another atlas was written"):
            site.write("data/x.js", b"")
    assert (tmp_path / shown(tmp_path) / "core.js").is_file()


def test_nothing_else_is_overwritten(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Mine</h1>")
    with pytest.raises(VisaeError, match=r"holds index\.html"):
        Site(tmp_path)
    with pytest.raises(VisaeError, match="is a file"):
        Site(tmp_path / "index.html")


@pytest.mark.parametrize("text", ["</script><script>", "a\u2028b", '"\\\n', "\u202egnp.exe", "é"])
def test_data_are_ascii_and_cannot_end_the_script(tmp_path, text):
    with Site(tmp_path) as site:
        site.write_data("data/x", {text: [text]})
        written = (site.folder / "data" / "x.js").read_bytes()
    assert written.isascii()
    assert b"<" not in written
    name, content = re.fullmatch(r'visae\.receive\(("data/x"),(.*)\);\n', written.decode()).groups()
    assert json.loads(name) == "data/x"
    assert json.loads(content) == {text: [text]}


def test_encoding_of_numbers():
    assert rounded([1.23456, float("nan"), 2.0, 0.0, 123456.0, -1e-9]) == [1.235, None, 2, 0, 123500, -1e-9]
    assert rounded(np.array([0.5, float("inf")])) == [0.5, None]
    assert rounded(float(np.float32(1) / 3), 3) == 0.333
    assert packed(np.array([0, 255], np.uint8)) == "AP8="
