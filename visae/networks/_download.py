"""Downloading a network's weights: nothing has their name in the cache before its digest was found right."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from visae._support.cache import cache_folder
from visae._support.errors import VisaeError
from visae.networks._cards import Card, WeightsFile
from visae.networks._transfer import PATIENT, Patience, transfer


def fetch(card: Card, cache: Path | None = None, patience: Patience = PATIENT) -> Path:
    """Download a network's weights into `cache`, by default `cache_folder("weights")`, and return their path.

    What arrives goes to `<file>.part`; only with the right digest does it get its name. A file already
    there is kept if its digest is right and replaced if not. A transfer that broke off, in this run or
    an earlier one, is resumed. A second process that wants the same file waits for the first. Raises
    `VisaeError` if the download fails, for a wrong digest, and where the cache cannot be written.
    """
    source = card.preferred()
    target = (cache or cache_folder("weights")) / source.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            _ensure(source, target, patience)
    except OSError as error:
        raise VisaeError(
            f"cannot write {target} ({error.strerror or error}); make room there, or set VISAE_CACHE to another folder"
        ) from None
    return target


def _ensure(source: WeightsFile, target: Path, patience: Patience) -> None:
    if target.exists():
        if source.digest.matches(target):
            _say(f"{target} is there already, with the right digest")
            return
        _say(f"{target} has another digest than {source.digest}; downloading it again")
    part = transfer(source, target, patience)
    if not source.digest.matches(part):
        found = source.digest.of(part)
        part.unlink()
        raise VisaeError(
            f"{source.url} sent a file with the digest {found}, expected {source.digest}; it was deleted: "
            f"run the same command again, and if that changes nothing, the file at that URL has changed"
        )
    part.replace(target)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep other processes from the same download; the lock of one that was killed ends with it."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say(f"another visae is downloading {target.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
