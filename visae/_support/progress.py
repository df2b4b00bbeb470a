"""Progress: a bar at a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Collection, Iterator, Sized
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

_SECONDS_BEFORE_SHOWN = 2.0
_SECONDS_BETWEEN_LINES = 5.0

_Item = TypeVar("_Item")


class Progress:
    """Progress of one step of work; use it in a `with` statement.

    At a terminal it draws a tqdm bar on standard error; elsewhere it prints a plain line at most every five seconds,
    and one at the end. A step that takes less than two seconds shows nothing.
    """

    def __init__(self, label: str, total: int, unit: str, done: int = 0):
        self.label, self.total, self.unit, self.done = label, total, unit, done
        self._started = self._printed = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=label,
                unit=unit if unit == "B" else f" {unit}",
                unit_scale=unit == "B",
                delay=_SECONDS_BEFORE_SHOWN,
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif time.monotonic() - self._started > _SECONDS_BEFORE_SHOWN:
            self._print()

    def update(self, count: int, note: str = "") -> None:
        """Advance by `count`; `note` is shown after the bar."""
        self.done += count
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._printed > _SECONDS_BETWEEN_LINES:
            self._print(note)

    def passed(self, batch: Sized) -> Any:
        """Count a batch and return it."""
        self.update(len(batch))
        return batch

    def _print(self, note: str = "") -> None:
        self._printed = time.monotonic()
        seconds = self._printed - self._started
        line = f"{self.label}: {self.done:,} of {self.total:,} {self.unit}, {seconds:.0f} s {note}"
        print(line.rstrip(), file=sys.stderr, flush=True)


def track(items: Collection[_Item], label: str, unit: str) -> Iterator[_Item]:
    """Yield items, and count each once the caller has finished with it."""
    with Progress(label, len(items), unit) as progress:
        for item in items:
            yield item
            progress.update(1)


def say(line: str) -> None:
    """Print a line of information on standard error, above a bar if there is one."""
    tqdm.write(line, file=sys.stderr)
