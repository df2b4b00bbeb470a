import io
import sys

import pytest

from visae._support import progress
from visae._support.progress import Progress, say


class Clock:
    """A clock that tests set."""

    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def at_terminal(monkeypatch, seconds_before_shown):
    # Not a fixture: pytest puts its own standard error in place after the fixtures.
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_SHOWN", seconds_before_shown)
    return sys.stderr


def work(clock, seconds, total=1000, done=0):
    with Progress("capture", total, "images", done) as progress:
        for duration in seconds:
            clock.now += duration
            progress.update(100, "loss 0.5")


QUIET = [
    ([], []),
    ([0.5, 0.5, 0.5], []),
    ([1.0, 1.5], ["capture: 200 of 1,000 images, 2 s"]),
    ([3.0, 3.0], ["capture: 200 of 1,000 images, 6 s loss 0.5", "capture: 200 of 1,000 images, 6 s"]),
    (
        [6.0, 1.0, 6.0],
        [
            "capture: 100 of 1,000 images, 6 s loss 0.5",
            "capture: 300 of 1,000 images, 13 s loss 0.5",
            "capture: 300 of 1,000 images, 13 s",
        ],
    ),
    ([1.0] * 10, ["capture: 600 of 1,000 images, 6 s loss 0.5", "capture: 1,000 of 1,000 images, 10 s"]),
]


@pytest.mark.parametrize(("seconds", "lines"), QUIET)
def test_without_a_terminal_plain_lines_are_printed(clock, capsys, seconds, lines):
    work(clock, seconds)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == lines


def test_resumed_work_counts_what_was_done_before(clock, capsys):
    work(clock, [3.0], done=700)
    assert capsys.readouterr().err == "capture: 800 of 1,000 images, 3 s\n"


def test_at_a_terminal_a_bar_is_drawn(monkeypatch, clock, capsys):
    shown = at_terminal(monkeypatch, 0.0)
    work(clock, [1.0, 1.0], done=300)
    assert "500/1000" in shown.getvalue().split("\r")[-1]
    assert "loss 0.5" in shown.getvalue()
    assert capsys.readouterr() == ("", "")


def test_short_work_draws_no_bar(monkeypatch, clock):
    shown = at_terminal(monkeypatch, progress._SECONDS_BEFORE_SHOWN)
    work(clock, [0.1, 0.1])
    assert shown.getvalue() == ""


def test_bytes_are_shown_in_megabytes(monkeypatch):
    shown = at_terminal(monkeypatch, 0.0)
    with Progress("download", 3_000_000, "B") as bar:
        bar.update(1_500_000)
    assert "1.50M/3.00M" in shown.getvalue()


def fail(clock):
    with Progress("capture", 2, "images") as step:
        clock.now += 3
        step.update(1)
        raise KeyError


def test_an_error_passes_through_after_a_last_line(clock, capsys):
    with pytest.raises(KeyError):
        fail(clock)
    assert capsys.readouterr().err == "capture: 1 of 2 images, 3 s\n"


def test_say_prints_on_the_standard_error(capsys):
    say("capture: 10 rows")
    assert capsys.readouterr() == ("", "capture: 10 rows\n")


def test_track_yields_items_and_counts_them(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_SHOWN", -1.0)
    assert list(progress.track(["a", "b"], "reading", "letters")) == ["a", "b"]
    assert "reading: 2 of 2 letters" in capsys.readouterr().err
