"""Download a network's weights: resume broken transfers, and name a file only if its digest is right."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from filelock import FileLock, Timeout

from visae._support.cache import cache_folder
from visae._support.errors import VisaeError
from visae._support.progress import Progress, say
from visae.networks._cards import NetworkCard, WeightsFile

_CHUNK = 1 << 18  # bytes


@dataclass(frozen=True)
class RetryPolicy:
    """When to give up on a server.

    timeout:  seconds without data after which a transfer counts as broken off.
    resumes:  how often a broken transfer is resumed.
    pause:    seconds to wait before the first resume, and n times as long before the n-th.
    """

    timeout: float = 30.0
    resumes: int = 3
    pause: float = 1.0


DEFAULT_RETRIES = RetryPolicy()


class _BrokenOffError(Exception):
    """The connection ended early; the next attempt continues after the bytes that arrived."""

    def __init__(self, reason: str, total: int | None = None):
        super().__init__(reason)
        self.total = total


def fetch_weights(card: NetworkCard, cache: Path | None = None, retries: RetryPolicy = DEFAULT_RETRIES) -> Path:
    """Download a network's weights into `cache` (`cache_folder("weights")` if None), and return their path.

    Writes to `<file>.part`, which is renamed once its digest is right. A file already in the cache is kept if its
    digest is right, and replaced if not. A transfer that broke off, in this run or an earlier one, is resumed. A second
    process that needs the same file waits for the first.

    Raises `VisaeError` if the download fails, if the digest is wrong, and if the cache cannot be written.
    """
    source = card.preferred()
    target = (cache or cache_folder("weights")) / source.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(target):
            _ensure(source, target, retries)
    except OSError as error:
        raise VisaeError(
            f"cannot write {target} ({error.strerror or error}); make room there, or set VISAE_CACHE to another folder"
        ) from None
    return target


def _ensure(source: WeightsFile, target: Path, retries: RetryPolicy) -> None:
    if target.exists():
        if source.digest.matches(target):
            say(f"{target} is already there, with the right digest")
            return
        say(f"{target} does not have the digest {source.digest}; downloading it again")
    part = transfer(source, target, retries)
    if not source.digest.matches(part):
        digest = source.digest.compute(part)
        part.unlink()
        raise VisaeError(
            f"{source.url} sent a file with digest {digest}, expected {source.digest}; the file was deleted: "
            f"run the same command again; if that does not help, the file at that URL has changed"
        )
    part.replace(target)


@contextmanager
def _exclusive(target: Path) -> Iterator[None]:
    """Lock a download against other processes; the lock of a killed process dies with it."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another visae is downloading {target.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def transfer(source: WeightsFile, target: Path, retries: RetryPolicy = DEFAULT_RETRIES) -> Path:
    """Download `source` to `<target>.part` until the server reports it complete; return that path.

    Does not check the digest. Raises `VisaeError`, and keeps the bytes received, if the server cannot be reached,
    refuses, or breaks off more often than `retries` allows.
    """
    part = target.with_name(f"{target.name}.part")
    broken = _BrokenOffError("")
    for attempt in range(retries.resumes + 1):
        time.sleep(attempt * retries.pause)
        try:
            _attempt(source, target, part, retries.timeout)
            return part
        except _BrokenOffError as error:
            broken = error
    total = "an unknown number of" if broken.total is None else f"{broken.total:,}"
    raise VisaeError(
        f"{source.url} broke off {retries.resumes + 1} times ({broken}) with {_size(part):,} of {total} "
        f"bytes received; they are kept in {part}: run the same command again to resume"
    )


def _attempt(source: WeightsFile, target: Path, part: Path, timeout: float) -> None:
    have = _size(part)
    try:
        response = _open(source.url, have, timeout)
    except urllib.error.HTTPError as error:
        with error:
            _handle_refusal(error, source, target, part)
        return
    except urllib.error.URLError as error:
        raise VisaeError(f"cannot reach {source.url} ({_line(error.reason)}); {_by_other_means(target)}") from None
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_reason(error), source.bytes) from None
    with response:
        start, total = _span(response, source, target)
        if start not in (0, have):
            part.unlink(missing_ok=True)
            raise _BrokenOffError(f"requested from byte {have:,} on, but it sent from byte {start:,} on", total)
        _append(response, part, start, total)


def _open(url: str, have: int, timeout: float) -> HTTPResponse:
    headers = {"User-Agent": "visae"} | ({"Range": f"bytes={have}-"} if have else {})
    # The card has checked that the scheme is http or https, and urllib follows no redirect to a local file.
    response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    return response


def _handle_refusal(error: urllib.error.HTTPError, source: WeightsFile, target: Path, part: Path) -> None:
    """Return if the server has nothing more to send because the partial file is complete; raise otherwise."""
    if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not part.exists():
        raise _unexpected(error.code, source, target)
    if not source.digest.matches(part):
        part.unlink()
        raise _BrokenOffError("the partial file did not belong to this one", source.bytes)


def _span(response: HTTPResponse, source: WeightsFile, target: Path) -> tuple[int, int | None]:
    """Return the byte of the file at which the response begins, and the size of the file if known."""
    if response.status == http.client.OK:
        return 0, source.bytes if response.length is None else response.length
    if response.status != http.client.PARTIAL_CONTENT:
        raise _unexpected(response.status, source, target)
    span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if span is None:
        return -1, source.bytes
    return int(span[1]), source.bytes if span[3] == "*" else int(span[3])


def _append(response: HTTPResponse, part: Path, start: int, total: int | None) -> None:
    """Write the response after the first `start` bytes of the partial file, which has at least that many."""
    with (
        part.open("ab") as file,
        Progress(f"downloading {part.stem}", total or 0, "B", done=start) as progress,
    ):
        file.truncate(start)
        while chunk := _chunk(response, total):
            file.write(chunk)
            progress.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if total is not None and _size(part) < total:
        raise _BrokenOffError("the connection closed", total)


def _chunk(response: HTTPResponse, total: int | None) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_reason(error), total) from None


def _unexpected(status: int, source: WeightsFile, target: Path) -> VisaeError:
    phrase = http.client.responses.get(status, "")
    return VisaeError(f"{source.url} answered {status} {phrase}, expected 200; {_by_other_means(target)}")


def _by_other_means(target: Path) -> str:
    return f"try again later, or download it by other means and put it at {target}, or point VISAE_WEIGHTS at it"


def _reason(error: Exception) -> str:
    return "the server went silent" if isinstance(error, TimeoutError) else _line(error)


def _line(reason: object) -> str:
    return " ".join(str(reason).split()) or type(reason).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
