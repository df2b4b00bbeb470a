"""Locking an output folder against a second process."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from visae._support.errors import VisaeError


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Make a folder, if need be, and lock it; raises `VisaeError` if another process writes to it.

    The lock is on the folder itself: it leaves no file, and the lock of a killed process dies with it. Where a system
    or disk cannot lock folders, there is none. A folder made here that stays empty is removed again.
    """
    if sys.platform == "win32":
        yield
        return
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _lock(handle: int, folder: Path) -> None:
    # Windows has no such module.
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise VisaeError(
            f"another visae is writing to {folder}; wait until it has finished, or name another folder"
        ) from None
    except OSError:
        # Some network disks have no locks.
        pass
