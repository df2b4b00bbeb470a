import hashlib
import os
import subprocess
import sys
import threading
import time

import pytest
from loopback import CORRUPT, DATA, DIGEST, HALF, closing_after, serving, stalling_after, status, whole

from visae._support.errors import VisaeError
from visae.networks._cards import Card, Digest
from visae.networks._download import fetch
from visae.networks._transfer import Patience

QUICK = Patience(stall=10.0, resumes=3, pause=0.0)
ONCE = Patience(stall=10.0, resumes=0, pause=0.0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache"


def card(server, digest=DIGEST):
    return Card("toy", "t", "d", "l", "o", (server.source(digest),))


def refused(card, cache, patience=QUICK):
    """The message of the error that `fetch` raises."""
    with pytest.raises(VisaeError) as caught:
        fetch(card, cache, patience)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_fetched(path, cache):
    assert path == cache / "toy.pth"
    assert path.read_bytes() == DATA
    assert not (cache / "toy.pth.part").exists()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("sha1", hashlib.sha1(DATA).hexdigest()),
        ("sha256", DIGEST.value),
        ("git_blob", hashlib.sha1(b"blob 300000\0" + DATA).hexdigest()),
        ("sha256_prefix", DIGEST.value[:8]),
    ],
)
def test_only_the_right_digest_gets_a_file_its_name(cache, kind, value):
    wrong = Digest(kind, value[1:] + value[0])
    with serving(whole) as server:
        assert str(wrong) in refused(card(server, wrong), cache)
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch(card(server, Digest(kind, value)), cache, QUICK), cache)


def test_a_wrong_digest_deletes_what_arrived_and_says_both(cache):
    with serving(lambda handler: handler.body(CORRUPT[handler.start() :]), whole) as server:
        message = refused(card(server), cache)
        assert hashlib.sha256(CORRUPT).hexdigest() in message
        assert str(DIGEST) in message
        assert not list(cache.glob("toy.pth*"))
        assert_fetched(fetch(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, None]


@pytest.mark.parametrize("answer", [closing_after(HALF), status(404)])
def test_a_download_that_failed_leaves_nothing_with_the_name(cache, answer):
    with serving(answer, whole) as server:
        refused(card(server), cache, ONCE)
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch(card(server), cache, QUICK), cache)


def test_a_verified_file_is_left_alone(cache, capsys):
    with serving(whole) as server:
        fetch(card(server), cache, QUICK)
        changed = (cache / "toy.pth").stat().st_mtime_ns
        assert_fetched(fetch(card(server), cache, QUICK), cache)
        assert len(server.requests) == 1
        assert (cache / "toy.pth").stat().st_mtime_ns == changed
    assert "is there already" in capsys.readouterr().err


def test_a_file_with_a_wrong_digest_stays_until_the_right_one_is_whole(cache, capsys):
    cache.mkdir()
    (cache / "toy.pth").write_bytes(b"something else")
    with serving(closing_after(HALF), whole) as server:
        assert "broke off" in refused(card(server), cache, ONCE)
        assert (cache / "toy.pth").read_bytes() == b"something else"
        assert_fetched(fetch(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, f"bytes={HALF}-"]
    assert "downloading it again" in capsys.readouterr().err


def test_the_cache_is_the_users_unless_it_is_given(cache, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(cache))
    with serving(whole) as server:
        assert_fetched(fetch(card(server), patience=QUICK), cache / "weights")


def test_a_cache_that_cannot_be_written(cache):
    cache.write_bytes(b"a file where a folder should be")
    with serving(whole) as server:
        message = refused(card(server), cache)
    assert message.startswith(f"cannot write {cache / 'toy.pth'} (")
    assert "VISAE_CACHE" in message


def test_a_card_without_weights(cache):
    with pytest.raises(VisaeError, match="toy lists no weights"):
        fetch(Card("toy", "t", "d", "l", "o", ()), cache)


def test_of_two_at_once_the_second_waits_and_finds_the_file(cache, capsys):
    results = []
    with serving(stalling_after(HALF)) as server:
        first, second = (
            threading.Thread(target=lambda: results.append(fetch(card(server), cache, QUICK))) for _ in range(2)
        )
        first.start()
        assert server.reached.wait(10)
        assert not (cache / "toy.pth").exists()
        second.start()
        wait_until(lambda: "waiting for it" in capsys.readouterr().err)
        server.gate.set()
        first.join(20)
        second.join(20)
        assert len(server.requests) == 1
    assert len(results) == 2
    for path in results:
        assert_fetched(path, cache)


KILLED = """
import sys
from pathlib import Path
from visae.networks._cards import Card, Digest, WeightsFile
from visae.networks._download import fetch
url, digest, cache = sys.argv[1:]
fetch(Card("toy", "t", "d", "l", "o", (WeightsFile("toy.pth", url, Digest("sha256", digest)),)), Path(cache))
"""


def test_a_process_killed_midway_leaves_what_can_be_resumed(cache):
    part = cache / "toy.pth.part"
    with serving(stalling_after(HALF), whole) as server:
        command = [sys.executable, "-c", KILLED, server.url, DIGEST.value, str(cache)]
        with subprocess.Popen(command, env={**os.environ, "no_proxy": "*"}) as process:
            assert server.reached.wait(60)
            wait_until(lambda: part.exists() and part.stat().st_size > HALF // 2)
            process.kill()
        arrived = part.stat().st_size
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, f"bytes={arrived}-"]


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
