import hashlib
import os
import socket
import subprocess
import sys
import threading
import time

import loopback
import pytest
from loopback import CORRUPT, DATA, DIGEST, HALF, closing_after, serving, stalling_after, status, whole

from visae._support.errors import VisaeError
from visae.networks import fetch_weights
from visae.networks._cards import FileDigest, NetworkCard, WeightsFile
from visae.networks._download import RetryPolicy, transfer

QUICK = RetryPolicy(timeout=10.0, resumes=3, pause=0.0)
ONCE = RetryPolicy(timeout=10.0, resumes=0, pause=0.0)
REST = f"bytes={HALF}-"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def card(server, digest=DIGEST):
    return NetworkCard("toy", "t", "d", "l", "o", (server.source(digest),))


def refused(card, cache, retries=QUICK):
    """The message of the error that `fetch_weights` raises."""
    with pytest.raises(VisaeError) as caught:
        fetch_weights(card, cache, retries)
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
def test_a_file_gets_its_name_only_with_the_right_digest(cache, kind, value):
    wrong = FileDigest(kind, value[1:] + value[0])
    with serving(whole) as server:
        assert str(wrong) in refused(card(server, wrong), cache)
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch_weights(card(server, FileDigest(kind, value)), cache, QUICK), cache)


def test_a_wrong_digest_deletes_the_file_and_names_both_digests(cache):
    with serving(lambda handler: handler.body(CORRUPT[handler.start() :]), whole) as server:
        message = refused(card(server), cache)
        assert hashlib.sha256(CORRUPT).hexdigest() in message
        assert str(DIGEST) in message
        assert not list(cache.glob("toy.pth*"))
        assert_fetched(fetch_weights(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, None]


@pytest.mark.parametrize("answer", [closing_after(HALF), status(404)])
def test_a_failed_download_leaves_no_file_with_the_name(cache, answer):
    with serving(answer, whole) as server:
        refused(card(server), cache, ONCE)
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch_weights(card(server), cache, QUICK), cache)


def test_a_verified_file_is_kept(cache, capsys):
    with serving(whole) as server:
        fetch_weights(card(server), cache, QUICK)
        changed = (cache / "toy.pth").stat().st_mtime_ns
        assert_fetched(fetch_weights(card(server), cache, QUICK), cache)
        assert len(server.requests) == 1
        assert (cache / "toy.pth").stat().st_mtime_ns == changed
    assert "is already there" in capsys.readouterr().err


def test_a_file_with_a_wrong_digest_stays_until_the_right_one_is_complete(cache, capsys):
    cache.mkdir()
    (cache / "toy.pth").write_bytes(b"something else")
    with serving(closing_after(HALF), whole) as server:
        assert "broke off" in refused(card(server), cache, ONCE)
        assert (cache / "toy.pth").read_bytes() == b"something else"
        assert_fetched(fetch_weights(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, f"bytes={HALF}-"]
    assert "downloading it again" in capsys.readouterr().err


def test_the_cache_is_the_users_unless_it_is_given(cache, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(cache))
    with serving(whole) as server:
        assert_fetched(fetch_weights(card(server), retries=QUICK), cache / "weights")


def test_a_cache_that_cannot_be_written(cache):
    cache.write_bytes(b"a file where a folder should be")
    with serving(whole) as server:
        message = refused(card(server), cache)
    assert message.startswith(f"cannot write {cache / 'toy.pth'} (")
    assert "VISAE_CACHE" in message


def test_a_card_without_weights(cache):
    with pytest.raises(VisaeError, match="toy lists no weights"):
        fetch_weights(NetworkCard("toy", "t", "d", "l", "o", ()), cache)


def test_a_second_download_waits_for_the_first(cache, capsys):
    results = []
    with serving(stalling_after(HALF)) as server:
        first, second = (
            threading.Thread(target=lambda: results.append(fetch_weights(card(server), cache, QUICK))) for _ in range(2)
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
from visae.networks._cards import FileDigest, NetworkCard, WeightsFile
from visae.networks._download import fetch_weights
url, digest, cache = sys.argv[1:]
source = WeightsFile("toy.pth", url, FileDigest("sha256", digest))
fetch_weights(NetworkCard("toy", "t", "d", "l", "o", (source,)), Path(cache))
"""


def test_a_killed_download_is_resumed(cache):
    part = cache / "toy.pth.part"
    with serving(stalling_after(HALF), whole) as server:
        command = [sys.executable, "-c", KILLED, server.url, DIGEST.value, str(cache)]
        with subprocess.Popen(command, env={**os.environ, "no_proxy": "*"}) as process:
            assert server.reached.wait(60)
            wait_until(lambda: part.exists() and part.stat().st_size > HALF // 2)
            process.kill()
        arrived = part.stat().st_size
        assert not (cache / "toy.pth").exists()
        assert_fetched(fetch_weights(card(server), cache, QUICK), cache)
        assert server.ranges() == [None, f"bytes={arrived}-"]


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "toy.pth"


def leave_part(target, data):
    target.with_name("toy.pth.part").write_bytes(data)


def assert_transferred(part, target):
    assert part == target.with_name("toy.pth.part")
    assert part.read_bytes() == DATA
    assert not target.exists()


def transfer_refused(source, target, retries=QUICK):
    """The message of the error that `transfer` raises."""
    with pytest.raises(VisaeError) as caught:
        transfer(source, target, retries)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    return str(caught.value)


CUT, CUT_AT_ONCE = closing_after(HALF), closing_after(0)
# The answers in turn, the ranges requested, and how many bytes of the file were sent.
RECOVERED = {
    "whole": ([whole], [None], 300_000),
    "no length": ([loopback.without_length], [None], 300_000),
    "cut once": ([CUT, whole], [None, REST], 300_000),
    "cut thrice": ([CUT, CUT_AT_ONCE, CUT_AT_ONCE, whole], [None, REST, REST, REST], 300_000),
    "no ranges": ([CUT, loopback.without_range], [None, REST], 450_000),
    "another range": ([CUT, loopback.with_another_range, whole], [None, REST, None], 450_010),
    "no range named": ([CUT, loopback.with_no_range, whole], [None, REST, None], 450_010),
    "hung up": ([loopback.hanging_up, whole], [None, None], 300_000),
    "in shares": ([loopback.with_part_of_the_range], [None, "bytes=100000-", "bytes=200000-"], 300_000),
}


@pytest.mark.parametrize("case", RECOVERED)
def test_interrupted_transfers_end_with_the_whole_file(target, case):
    answers, ranges, sent = RECOVERED[case]
    with serving(*answers) as server:
        assert_transferred(transfer(server.source(size=len(DATA)), target, QUICK), target)
        assert server.ranges() == ranges
        assert server.sent == sent
        assert {encoding for _, _, encoding in server.requests} <= {None, "identity"}


@pytest.mark.slow
@pytest.mark.parametrize("answer", [stalling_after(HALF), loopback.silent])
def test_a_silent_server_is_asked_again(target, answer):
    with serving(answer, whole) as server:
        assert_transferred(transfer(server.source(), target, RetryPolicy(timeout=0.7, resumes=1, pause=0.0)), target)
        assert len(server.requests) == 2


def test_an_earlier_partial_file_is_resumed(target):
    leave_part(target, DATA[:HALF])
    with serving(whole) as server:
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == [REST]
        assert server.sent == len(DATA) - HALF


def test_a_complete_partial_file_is_kept(target):
    leave_part(target, DATA)
    with serving(status(416)) as server:
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == ["bytes=300000-"]


def test_a_partial_file_longer_than_the_servers_is_started_over(target):
    leave_part(target, DATA[:-1] + b"??")
    with serving(status(416), whole) as server:
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == ["bytes=300001-", None]


def test_redirects_keep_the_range(target):
    leave_part(target, DATA[:HALF])
    with serving(loopback.redirecting, whole) as server:
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.requests[1][:2] == ("/elsewhere", REST)


def test_circular_redirects_are_refused(target):
    with serving(loopback.redirecting) as server:
        assert "answered 302 Found" in transfer_refused(server.source(), target)


@pytest.mark.parametrize(
    ("answer", "arrived", "retries", "reason"),
    [
        (closing_after(50_000), 200_000, QUICK, "the connection closed"),
        (CUT_AT_ONCE, 0, QUICK, "the connection closed"),
        (stalling_after(1_000), 1_000, RetryPolicy(timeout=0.7, resumes=0), "silent"),
    ],
)
def test_giving_up_reports_the_bytes_received_and_keeps_them(target, answer, arrived, retries, reason):
    with serving(answer) as server:
        message = transfer_refused(server.source(), target, retries)
        for part in (f"{retries.resumes + 1} times", reason, f"{arrived:,} of 300,000 bytes", "same command again"):
            assert part in message
        assert target.with_name("toy.pth.part").read_bytes() == DATA[:arrived]
        server.gate.set()
        server.answers[:] = [whole]
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.ranges()[-1] == (f"bytes={arrived}-" if arrived else None)


def test_a_known_size_reveals_a_truncated_answer_without_length(target):
    with serving(loopback.closing_without_length) as server:
        assert "with 150,000 of 300,000 bytes" in transfer_refused(server.source(size=len(DATA)), target)
        assert transfer(server.source(), target, QUICK).stat().st_size == HALF


def test_pauses_between_resumes_grow(target, monkeypatch):
    waits = []
    monkeypatch.setattr("visae.networks._download.time.sleep", waits.append)
    with serving(closing_after(1)) as server:
        transfer_refused(server.source(), target, RetryPolicy(timeout=10.0, resumes=3, pause=2.0))
    assert waits == [0, 2, 4, 6]


@pytest.mark.parametrize("code", [204, 403, 404, 416, 500, 503])
def test_a_refusal_is_reported_with_its_status_and_not_repeated(target, code):
    with serving(status(code)) as server:
        message = transfer_refused(server.source(), target)
        assert f"{server.url} answered {code} " in message
        assert f"put it at {target}" in message
        assert len(server.requests) == 1


def test_a_refusal_keeps_the_partial_file(target):
    leave_part(target, DATA[:HALF])
    with serving(status(503), whole) as server:
        transfer_refused(server.source(), target)
        assert_transferred(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == [REST, REST]


def unreachable(url, target):
    message = transfer_refused(WeightsFile("toy.pth", url, DIGEST), target)
    assert message.startswith(f"cannot reach {url} (")
    assert f"by other means and put it at {target}, or point VISAE_WEIGHTS at it" in message


def test_a_closed_port(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    unreachable(f"http://127.0.0.1:{port}/toy.pth", target)


def test_an_unknown_host(target, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    unreachable("http://visae.invalid/toy.pth", target)
