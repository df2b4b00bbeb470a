"""Where a network's weights are stored: a path given by the user, `VISAE_WEIGHTS`, or the cache."""

import os
from collections.abc import Iterator
from pathlib import Path

from visae._support.cache import cache_folder
from visae._support.errors import VisaeError
from visae.networks._cards import NetworkCard


def find_weights(card: NetworkCard, path: Path | None = None) -> Path:
    """Return the file with a network's weights.

    Looks at `path`, then at the environment variable `VISAE_WEIGHTS`, then in the cache. `path` and `VISAE_WEIGHTS` may
    be a file of any name, or a folder with one of the card's files; a `path` must have this network's weights, but a
    folder in `VISAE_WEIGHTS` need not.

    Raises `VisaeError` if `path` or `VISAE_WEIGHTS` does not exist, and if the weights are nowhere: the message then
    names the command that downloads them.
    """
    if path is not None:
        file = _file_at(card, path, "the path given")
        if file is None:
            raise VisaeError(f"the folder {path} has no weights of {card.name}, expected {_expected(card)}")
        return file
    searched = list(_search_paths())
    for origin, candidate in searched:
        file = _file_at(card, candidate, origin)
        if file is not None:
            return file
    raise _missing(card, [candidate for _, candidate in searched])


def _search_paths() -> Iterator[tuple[str, Path]]:
    chosen = os.environ.get("VISAE_WEIGHTS")
    if chosen:
        yield "VISAE_WEIGHTS", Path(chosen).expanduser()
    cache = cache_folder("weights")
    if cache.is_dir():
        yield "the cache", cache


def _file_at(card: NetworkCard, path: Path, origin: str) -> Path | None:
    if not path.exists():
        raise VisaeError(f"{origin} is {path}, which does not exist; correct it, or leave it out")
    if not path.is_dir():
        return path
    return next((path / name for name in card.file_names() if (path / name).is_file()), None)


def _missing(card: NetworkCard, searched: list[Path]) -> VisaeError:
    source = card.preferred()
    folders = " and ".join(dict.fromkeys(map(str, [*searched, cache_folder("weights")])))
    return VisaeError(
        f"no weights of {card.name} in {folders}, expected {_expected(card)}; run `visae fetch {card.name}`, "
        f"which downloads {source.url} ({source.digest}), or give the file or its folder by --weights or VISAE_WEIGHTS"
    )


def _expected(card: NetworkCard) -> str:
    return " or ".join(card.file_names())
