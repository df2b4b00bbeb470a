"""Filling a partial file from a URL, and resuming where an earlier transfer broke off."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.networks._cards import WeightsFile

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Patience:
    """How patient to be with a server.

    `stall` is how many seconds may pass without a byte, `resumes` how often a transfer that broke off is
    resumed, and `pause` how many seconds to wait before the first of these; before the n-th, n times that.
    """

    stall: float = 30.0
    resumes: int = 3
    pause: float = 1.0


PATIENT = Patience()


class _BrokenOffError(Exception):
    """The connection ended early; the next attempt goes on from what arrived."""

    def __init__(self, reason: str, total: int | None = None):
        super().__init__(reason)
        self.total = total


def transfer(source: WeightsFile, target: Path, patience: Patience = PATIENT) -> Path:
    """Download `source` into `<target>.part` until the server says that it is whole; returns that path.

    The digest is for the caller to check. Raises `VisaeError`, and leaves what arrived in its place, if
    the server cannot be reached, refuses, or breaks off more often than `patience` allows.
    """
    part = target.with_name(f"{target.name}.part")
    broken = _BrokenOffError("")
    for attempt in range(patience.resumes + 1):
        time.sleep(attempt * patience.pause)
        try:
            _attempt(source, target, part, patience.stall)
            return part
        except _BrokenOffError as error:
            broken = error
    whole = "an unknown number of" if broken.total is None else f"{broken.total:,}"
    raise VisaeError(
        f"{source.url} broke off {patience.resumes + 1} times ({broken}) with {_size(part):,} of {whole} "
        f"bytes here; they are kept in {part}: run the same command again to resume"
    )


def _attempt(source: WeightsFile, target: Path, part: Path, stall: float) -> None:
    have = _size(part)
    try:
        response = _open(source.url, have, stall)
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, source, target, part)
        return
    except urllib.error.URLError as error:
        raise VisaeError(f"cannot reach {source.url} ({_line(error.reason)}); {_by_other_means(target)}") from None
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_reason(error), source.bytes) from None
    with response:
        start, total = _span(response, source, target)
        if start not in (0, have):
            part.unlink(missing_ok=True)
            raise _BrokenOffError(f"asked to go on from byte {have:,}, it answered from byte {start:,}", total)
        _append(response, part, start, total)


def _open(url: str, have: int, stall: float) -> HTTPResponse:
    headers = {"User-Agent": "visae"} | ({"Range": f"bytes={have}-"} if have else {})
    # The card has checked that the scheme is http or https, and urllib follows redirects to no local file.
    response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=stall)
    return response


def _refused(error: urllib.error.HTTPError, source: WeightsFile, target: Path, part: Path) -> None:
    """Return if the server has no more to send because the partial file is whole; raise otherwise."""
    if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not part.exists():
        raise _unexpected(error.code, source, target)
    if not source.digest.matches(part):
        part.unlink()
        raise _BrokenOffError("the partial file was no part of this one", source.bytes)


def _span(response: HTTPResponse, source: WeightsFile, target: Path) -> tuple[int, int | None]:
    """The byte of the file at which the answer begins, and how many the file has, if that is known."""
    if response.status == http.client.OK:
        return 0, source.bytes if response.length is None else response.length
    if response.status != http.client.PARTIAL_CONTENT:
        raise _unexpected(response.status, source, target)
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if found is None:
        return -1, source.bytes
    return int(found[1]), source.bytes if found[3] == "*" else int(found[3])


def _append(response: HTTPResponse, part: Path, start: int, total: int | None) -> None:
    """Write the answer behind the first `start` bytes of the partial file, which has as many or more."""
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
    return "it went silent" if isinstance(error, TimeoutError) else _line(error)


def _line(reason: object) -> str:
    return " ".join(str(reason).split()) or type(reason).__name__


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
