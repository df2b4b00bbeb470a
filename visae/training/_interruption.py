"""Ctrl-C and SIGTERM during training: noted, and raised again once a checkpoint is written."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """In its `with` block, the first Ctrl-C or SIGTERM only sets `received`; the second acts at once.

    Does nothing outside the main thread, where Python handles no signals.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def act(self) -> None:
        """Raise the signal that was received, for the handler that was there before."""
        self._restore()
        assert self.received is not None
        signal.raise_signal(self.received)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._former.items():
            # A handler that was not installed from Python cannot be installed again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._former = {}
