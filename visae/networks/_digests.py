"""Digests of files, in the kinds in which others publish them."""

import hashlib
import os
import string
from dataclasses import dataclass
from pathlib import Path

from visae._support.errors import VisaeError

_LENGTHS = {"sha1": (40, 40), "sha256": (64, 64), "git_blob": (40, 40), "sha256_prefix": (8, 64)}
_TITLES = {
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "git_blob": "git blob",
    "sha256_prefix": "SHA-256 beginning with",
}


@dataclass(frozen=True)
class Digest:
    """What a file's content must hash to; raises `VisaeError` for a kind or a value that cannot be.

    `kind` is `sha1`, `sha256`, `git_blob` (the object id git gives a file's content: SHA-1 over
    `blob <size>`, a zero byte and the content) or `sha256_prefix` (the first digits of the SHA-256,
    at least 8: what torchvision puts in its file names). `value` is lower-case hexadecimal.
    """

    kind: str
    value: str

    def __post_init__(self) -> None:
        if self.kind not in _LENGTHS:
            raise VisaeError(f"no digest is of kind {self.kind!r}; the kinds are {', '.join(_LENGTHS)}")
        least, most = _LENGTHS[self.kind]
        if set(self.value) - set(string.digits + "abcdef") or not least <= len(self.value) <= most:
            digits = str(most) if least == most else f"{least} to {most}"
            raise VisaeError(f"{self.kind} {self.value!r} is not {digits} lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"{_TITLES[self.kind]} {self.value}"

    def of(self, path: Path) -> str:
        """The whole digest, of this kind, of the file at `path`."""
        algorithm = "sha256" if self.kind.startswith("sha256") else "sha1"
        with path.open("rb") as file:
            start = b"blob %d\0" % os.fstat(file.fileno()).st_size if self.kind == "git_blob" else b""
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, start)).hexdigest()

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` has this digest."""
        return self.of(path).startswith(self.value)
