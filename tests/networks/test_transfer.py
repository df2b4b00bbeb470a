import socket

import loopback
import pytest
from loopback import DATA, DIGEST, HALF, serving, status, whole

from visae._support.errors import VisaeError
from visae.networks._cards import WeightsFile
from visae.networks._transfer import Patience, transfer

QUICK = Patience(stall=10.0, resumes=3, pause=0.0)
IMPATIENT = Patience(stall=0.8, resumes=1, pause=0.0)
REST = f"bytes={HALF}-"


@pytest.fixture
def target(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "toy.pth"


def leave_part(target, data):
    target.with_name("toy.pth.part").write_bytes(data)


def assert_whole(part, target):
    assert part == target.with_name("toy.pth.part")
    assert part.read_bytes() == DATA
    assert not target.exists()


def refused(source, target, patience=QUICK):
    """The message of the error that `transfer` raises."""
    with pytest.raises(VisaeError) as caught:
        transfer(source, target, patience)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    return str(caught.value)


CUT, CUT_AT_ONCE = loopback.closing_after(HALF), loopback.closing_after(0)
# The answers in turn, the ranges asked for, and how many bytes of the file had to travel.
RECOVERED = {
    "whole": ([whole], [None], 300_000),
    "no length": ([loopback.without_length], [None], 300_000),
    "cut once": ([CUT, whole], [None, REST], 300_000),
    "cut thrice": ([CUT, CUT_AT_ONCE, CUT_AT_ONCE, whole], [None, REST, REST, REST], 300_000),
    "no ranges": ([CUT, loopback.without_range], [None, REST], 450_000),
    "another range": ([CUT, loopback.of_another_range, whole], [None, REST, None], 450_010),
    "no range named": ([CUT, loopback.of_no_range, whole], [None, REST, None], 450_010),
    "hung up": ([loopback.hanging_up, whole], [None, None], 300_000),
    "in shares": ([loopback.of_part_of_the_range], [None, "bytes=100000-", "bytes=200000-"], 300_000),
}


@pytest.mark.parametrize("case", RECOVERED)
def test_what_arrives_in_the_end_is_the_file(target, case):
    answers, ranges, sent = RECOVERED[case]
    with serving(*answers) as server:
        assert_whole(transfer(server.source(size=len(DATA)), target, QUICK), target)
        assert server.ranges() == ranges
        assert server.sent == sent
        assert {encoding for _, _, encoding in server.requests} <= {None, "identity"}


@pytest.mark.parametrize("answer", [loopback.stalling_after(HALF), loopback.silent])
def test_a_server_that_goes_silent_is_asked_again(target, answer):
    with serving(answer, whole) as server:
        assert_whole(transfer(server.source(), target, IMPATIENT), target)
        assert len(server.requests) == 2


def test_an_earlier_partial_file_is_resumed(target):
    leave_part(target, DATA[:HALF])
    with serving(whole) as server:
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == [REST]
        assert server.sent == len(DATA) - HALF


def test_a_partial_file_that_is_whole_needs_no_more(target):
    leave_part(target, DATA)
    with serving(status(416)) as server:
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == ["bytes=300000-"]


def test_a_partial_file_of_which_the_server_has_no_more_is_started_over(target):
    leave_part(target, DATA[:-1] + b"??")
    with serving(status(416), whole) as server:
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == ["bytes=300001-", None]


def test_redirects_are_followed_and_keep_the_range(target):
    leave_part(target, DATA[:HALF])
    with serving(loopback.redirecting, whole) as server:
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.requests[1][:2] == ("/elsewhere", REST)


def test_redirects_in_a_circle_are_refused(target):
    with serving(loopback.redirecting) as server:
        assert "answered 302 Found" in refused(server.source(), target)


@pytest.mark.parametrize(
    ("answer", "arrived", "patience", "reason"),
    [
        (loopback.closing_after(50_000), 200_000, QUICK, "the connection closed"),
        (CUT_AT_ONCE, 0, QUICK, "the connection closed"),
        (loopback.stalling_after(1_000), 2_000, IMPATIENT, "it went silent"),
    ],
)
def test_after_its_resumes_it_says_how_much_is_there(target, answer, arrived, patience, reason):
    with serving(answer) as server:
        message = refused(server.source(), target, patience)
        assert f"broke off {patience.resumes + 1} times ({reason}) with {arrived:,} of 300,000 bytes" in message
        assert "run the same command again to resume" in message
        assert target.with_name("toy.pth.part").read_bytes() == DATA[:arrived]
        server.gate.set()
        server.answers[:] = [whole]
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.ranges()[-1] == (f"bytes={arrived}-" if arrived else None)


def test_a_known_size_shows_that_an_answer_without_a_length_was_cut(target):
    with serving(loopback.closing_without_length) as server:
        assert "with 150,000 of 300,000 bytes" in refused(server.source(size=len(DATA)), target)
        assert transfer(server.source(), target, QUICK).stat().st_size == HALF


def test_resumes_wait_a_little_longer_each_time(target, monkeypatch):
    waits = []
    monkeypatch.setattr("visae.networks._transfer.time.sleep", waits.append)
    with serving(loopback.closing_after(1)) as server:
        refused(server.source(), target, Patience(stall=10.0, resumes=3, pause=2.0))
    assert waits == [0, 2, 4, 6]


@pytest.mark.parametrize("code", [204, 403, 404, 416, 500, 503])
def test_a_refusal_is_reported_with_its_status_and_not_repeated(target, code):
    with serving(status(code)) as server:
        message = refused(server.source(), target)
        assert f"{server.url} answered {code} " in message
        assert f"put it at {target}" in message
        assert len(server.requests) == 1


def test_a_refusal_leaves_the_partial_file(target):
    leave_part(target, DATA[:HALF])
    with serving(status(503), whole) as server:
        refused(server.source(), target)
        assert_whole(transfer(server.source(), target, QUICK), target)
        assert server.ranges() == [REST, REST]


def unreachable(url, target):
    message = refused(WeightsFile("toy.pth", url, DIGEST), target)
    assert message.startswith(f"cannot reach {url} (")
    assert f"by other means and put it at {target}, or point VISAE_WEIGHTS at it" in message


def test_a_host_that_does_not_answer(target):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    unreachable(f"http://127.0.0.1:{port}/toy.pth", target)


def test_a_host_that_has_no_address(target, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    unreachable("http://visae.invalid/toy.pth", target)
