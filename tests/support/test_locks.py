"""The lock on an output folder."""

import re
import subprocess
import sys

import pytest

from visae._support.errors import VisaeError
from visae._support.locks import only_writer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")

HOLDER = """
import sys, time
from pathlib import Path
from visae._support.locks import only_writer

with only_writer(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_killed_one_is_not_in_the_way(tmp_path):
    out = tmp_path / "deep" / "out"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(out)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(VisaeError, match=re.escape(f"another visae is writing to {out}; wait")), only_writer(out):
            pass
        with only_writer(out.parent), only_writer(out.parent / "another"):
            pass
        other.kill()
    with only_writer(out):
        (out / "file").touch()
    assert [path.name for path in out.iterdir()] == ["file"]


def test_an_empty_folder_is_removed_only_if_it_is_new(tmp_path):
    (tmp_path / "old").mkdir()
    for name in ("old", "new"):
        with only_writer(tmp_path / name):
            assert (tmp_path / name).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_disk_without_locks_is_written_without_one(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with only_writer(tmp_path):
        pass
