"""Network cards: a published network's origin, licence, weight files with digests, and published tuning."""

import hashlib
import os
import re
import string
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError, unknown
from visae._support.paths import published

SCHEMA = 1

_TEXTS = ("name", "title", "description", "licence", "origin")
_CARD_DIGESTS = ("sha1", "sha256", "git_blob")
_DIGEST_LENGTHS = {"sha1": (40, 40), "sha256": (64, 64), "git_blob": (40, 40), "sha256_prefix": (8, 64)}
_DIGEST_TITLES = {
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "git_blob": "git blob",
    "sha256_prefix": "SHA-256 beginning with",
}


@dataclass(frozen=True)
class FileDigest:
    """Expected digest of a file, of one of the kinds published for weights.

    kind:   `sha1`, `sha256`, `git_blob` (git's object id of the content: SHA-1 over `blob <size>`, a zero byte and the
            content) or `sha256_prefix` (at least the first 8 digits of the SHA-256, as in torchvision's file names).
    value:  lower-case hexadecimal.

    Raises `VisaeError` for an unknown kind, and for a value that is not a digest of that kind.
    """

    kind: str
    value: str

    def __post_init__(self) -> None:
        if self.kind not in _DIGEST_LENGTHS:
            raise VisaeError(f"there is no digest of kind {self.kind!r}; the kinds are {', '.join(_DIGEST_LENGTHS)}")
        least, most = _DIGEST_LENGTHS[self.kind]
        if set(self.value) - set(string.digits + "abcdef") or not least <= len(self.value) <= most:
            digits = str(most) if least == most else f"{least} to {most}"
            raise VisaeError(f"{self.kind} {self.value!r} is not {digits} lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"{_DIGEST_TITLES[self.kind]} {self.value}"

    def compute(self, path: Path) -> str:
        """Return the full digest, of this kind, of the file at `path`."""
        algorithm = "sha256" if self.kind.startswith("sha256") else "sha1"
        with path.open("rb") as file:
            start = b"blob %d\0" % os.fstat(file.fileno()).st_size if self.kind == "git_blob" else b""
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, start)).hexdigest()

    def matches(self, path: Path) -> bool:
        """Return whether the file at `path` has this digest."""
        return self.compute(path).startswith(self.value)


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    file:   its name in the cache.
    bytes:  its size, if known.
    also:   other file names for the same weights, possibly in another format.

    Raises `VisaeError` for a file name with a folder in it, and for a URL other than HTTP(S).
    """

    file: str
    url: str
    digest: FileDigest
    bytes: int | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.file, *self.also):
            if not re.fullmatch(r"[\w-][\w.+-]*", name, re.ASCII):
                raise VisaeError(f"{name!r} is not a plain file name: give one without folders or spaces")
        if not re.fullmatch(r"https?://[!-~]+", self.url):
            raise VisaeError(f"the URL of {self.file} is {self.url!r}, expected http:// or https:// and no spaces")


@dataclass(frozen=True)
class PublishedTuning:
    """Published orientation tuning of neurons of one layer, against which to verify weights.

    neurons:          samples by channel, evenly spaced over 360 degrees from 0: activations after the ReLU, averaged
                      over radii.
    origin, licence:  of the measurements.
    """

    layer: str
    neurons: dict[int, tuple[float, ...]]
    origin: str
    licence: str


@dataclass(frozen=True)
class NetworkCard:
    """Provenance of a published network.

    weights:  its files, the preferred one first.
    tuning:   published measurements to verify the weights against, if any.
    """

    name: str
    title: str
    description: str
    licence: str
    origin: str
    weights: tuple[WeightsFile, ...]
    tuning: PublishedTuning | None = None

    def file_names(self) -> tuple[str, ...]:
        """Return every file name under which these weights may be stored, the preferred one first."""
        return tuple(name for entry in self.weights for name in (entry.file, *entry.also))

    def preferred(self) -> WeightsFile:
        """Return the file to download; raises `VisaeError` if the card lists none."""
        if not self.weights:
            raise VisaeError(f"the card of {self.name} lists no weights: there is nothing to find or download")
        return self.weights[0]


def card_names() -> tuple[str, ...]:
    """Return the names of the networks that have a card in `zoo/`, in alphabetical order."""
    return tuple(sorted(path.stem for path in published("zoo").glob("*.toml")))


def named_card(name: str) -> NetworkCard:
    """Return the card `zoo/<name>.toml`; raises `VisaeError` if it does not exist or its schema is not 1."""
    if name not in card_names():
        raise unknown("network card", name, card_names())
    return read_card(published("zoo") / f"{name}.toml")


def read_card(path: Path) -> NetworkCard:
    """Read a card from a TOML file; raises `VisaeError` for a missing, unknown or malformed key, naming it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VisaeError(f"{path} does not exist") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise VisaeError(f"{path} is not TOML: {error}") from None
    schema = content.pop("schema", None)
    if schema != SCHEMA:
        raise VisaeError(
            f"{path} has schema {schema}, this version of visae reads schema {SCHEMA}; use one that reads it"
        )
    try:
        return _card(content, path.stem)
    except VisaeError as error:
        raise VisaeError(f"{path}: {error}") from None


def _card(content: dict[str, Any], stem: str) -> NetworkCard:
    texts = {key: _pop(content, key, str) for key in _TEXTS}
    entries = _pop(content, "weights", list)
    tuning = _tuning(_pop(content, "tuning", dict)) if "tuning" in content else None
    _refuse_unknown(content, (*_TEXTS, "weights", "tuning"))
    if texts["name"] != stem:
        raise VisaeError(f"it is the card of {texts['name']!r}, expected {stem!r}: rename one of the two")
    if not all(isinstance(entry, dict) for entry in entries):
        raise VisaeError("'weights' is not a list of tables; write each as [[weights]]")
    return NetworkCard(**texts, weights=tuple(_weights_file(dict(entry)) for entry in entries), tuning=tuning)


def _weights_file(entry: dict[str, Any]) -> WeightsFile:
    file, url = _pop(entry, "file", str), _pop(entry, "url", str)
    kinds = [kind for kind in _CARD_DIGESTS if kind in entry]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "no digest"
        raise VisaeError(f"{file} has {given}, expected exactly one of {', '.join(_CARD_DIGESTS)}")
    digest = FileDigest(kinds[0], _pop(entry, kinds[0], str))
    size = _pop(entry, "bytes", int) if "bytes" in entry else None
    also = _pop(entry, "also", list) if "also" in entry else []
    _refuse_unknown(entry, ("file", "url", "bytes", "also", *_CARD_DIGESTS))
    if not all(isinstance(name, str) for name in also):
        raise VisaeError(f"'also' of {file} is {also}, expected a list of file names")
    return WeightsFile(file, url, digest, size, tuple(also))


def _tuning(table: dict[str, Any]) -> PublishedTuning:
    for name in ("layer", "origin", "licence"):
        if not isinstance(table.get(name), str):
            raise VisaeError(f"'tuning.{name}' is {table.get(name)!r}, expected a string")
    for name in table:
        if name not in ("layer", "origin", "licence", "neurons"):
            raise unknown("key of a card's tuning", name, ("layer", "origin", "licence", "neurons"))
    neurons = table.get("neurons")
    if not isinstance(neurons, dict) or not neurons:
        raise VisaeError(f"'tuning.neurons' is {neurons!r}, expected a table of samples by channel")
    samples = {_channel(name): _samples(name, values) for name, values in neurons.items()}
    lengths = sorted({len(values) for values in samples.values()})
    if len(lengths) > 1:
        raise VisaeError(f"neurons of 'tuning' have {lengths} samples; give all of them the same number")
    return PublishedTuning(table["layer"], samples, table["origin"], table["licence"])


def _channel(name: str) -> int:
    if not name.isdecimal():
        raise VisaeError(f"'tuning.neurons' has the key {name!r}, expected the number of a channel")
    return int(name)


def _samples(name: str, values: Any) -> tuple[float, ...]:
    numbers = isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
    if not numbers or len(values) < 8:
        raise VisaeError(f"'tuning.neurons.{name}' is {values!r}, expected a list of 8 numbers or more")
    return tuple(float(value) for value in values)


def _pop(table: dict[str, Any], key: str, kind: type) -> Any:
    if key not in table:
        raise VisaeError(f"the key {key!r} is missing; add it")
    value = table.pop(key)
    if type(value) is not kind:
        raise VisaeError(f"{key!r} is {value!r}, expected a {kind.__name__}")
    return value


def _refuse_unknown(table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        raise unknown("key of a card", key, known)
