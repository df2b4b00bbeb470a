"""A network's card: what it is, whose it is, and where its weights are published, with their digest."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visae._support.errors import VisaeError, unknown
from visae._support.files import published
from visae.networks._digests import Digest
from visae.networks._published_tuning import PublishedTuning, published_tuning

SCHEMA = 1

_TEXTS = ("name", "title", "description", "licence", "origin")
_DIGESTS = ("sha1", "sha256", "git_blob")


@dataclass(frozen=True)
class WeightsFile:
    """One published file of weights; raises `VisaeError` for a name with a folder in it or a URL not of HTTP.

    `file` is its name in the cache, `bytes` its size where known, and `also` other names under which
    the same weights are looked for, perhaps in another format.
    """

    file: str
    url: str
    digest: Digest
    bytes: int | None = None
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.file, *self.also):
            if not re.fullmatch(r"[\w-][\w.+-]*", name, re.ASCII):
                raise VisaeError(f"{name!r} is not a plain file name: give one without folders or spaces")
        if not re.fullmatch(r"https?://[!-~]+", self.url):
            raise VisaeError(f"the URL of {self.file} is {self.url!r}, expected http:// or https:// and no spaces")


@dataclass(frozen=True)
class Card:
    """What visae knows of a published network.

    weights: its files, the preferred one first.  tuning: published measurements, to verify the weights by.
    """

    name: str
    title: str
    description: str
    licence: str
    origin: str
    weights: tuple[WeightsFile, ...]
    tuning: PublishedTuning | None = None

    def file_names(self) -> tuple[str, ...]:
        """Every name under which a file of this network's weights may lie in a folder, best first."""
        return tuple(name for entry in self.weights for name in (entry.file, *entry.also))

    def preferred(self) -> WeightsFile:
        """The file to download; raises `VisaeError` where the card lists none."""
        if not self.weights:
            raise VisaeError(f"the card of {self.name} lists no weights: there is nothing to find or download")
        return self.weights[0]


def names() -> tuple[str, ...]:
    """The networks that have a card in `zoo/`, in alphabetical order."""
    return tuple(sorted(path.stem for path in published("zoo").glob("*.toml")))


def card(name: str) -> Card:
    """The card `zoo/<name>.toml`; raises `VisaeError` if there is none, or if it is not of schema 1."""
    if name not in names():
        raise unknown("network card", name, names())
    return read(published("zoo") / f"{name}.toml")


def read(path: Path) -> Card:
    """The card in a TOML file; raises `VisaeError` for a missing, unknown or misshapen key, naming it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VisaeError(f"{path} does not exist") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise VisaeError(f"{path} is not TOML: {error}") from None
    found = content.pop("schema", None)
    if found != SCHEMA:
        raise VisaeError(f"{path} has schema {found}, this visae reads schema {SCHEMA}; use a visae that knows it")
    try:
        return _card(content, path.stem)
    except VisaeError as error:
        raise VisaeError(f"{path}: {error}") from None


def _card(content: dict[str, Any], stem: str) -> Card:
    texts = {key: _take(content, key, str) for key in _TEXTS}
    entries = _take(content, "weights", list)
    tuning = published_tuning(_take(content, "tuning", dict)) if "tuning" in content else None
    _finished(content, (*_TEXTS, "weights", "tuning"))
    if texts["name"] != stem:
        raise VisaeError(f"it is the card of {texts['name']!r}, expected {stem!r}: rename one of the two")
    if not all(isinstance(entry, dict) for entry in entries):
        raise VisaeError("'weights' is not a list of tables; write each as [[weights]]")
    return Card(**texts, weights=tuple(_weights(dict(entry)) for entry in entries), tuning=tuning)


def _weights(entry: dict[str, Any]) -> WeightsFile:
    file, url = _take(entry, "file", str), _take(entry, "url", str)
    kinds = [kind for kind in _DIGESTS if kind in entry]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "no digest"
        raise VisaeError(f"{file} has {given}, expected exactly one of {', '.join(_DIGESTS)}")
    digest = Digest(kinds[0], _take(entry, kinds[0], str))
    size = _take(entry, "bytes", int) if "bytes" in entry else None
    also = _take(entry, "also", list) if "also" in entry else []
    _finished(entry, ("file", "url", "bytes", "also", *_DIGESTS))
    if not all(isinstance(name, str) for name in also):
        raise VisaeError(f"'also' of {file} is {also}, expected a list of file names")
    return WeightsFile(file, url, digest, size, tuple(also))


def _take(table: dict[str, Any], key: str, kind: type) -> Any:
    if key not in table:
        raise VisaeError(f"the key {key!r} is missing; add it")
    value = table.pop(key)
    if type(value) is not kind:
        raise VisaeError(f"{key!r} is {value!r}, expected a {kind.__name__}")
    return value


def _finished(table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        raise unknown("key of a card", key, known)
