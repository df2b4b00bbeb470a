"""A network's weights: where they lie, whether they are the right ones, and the digest of what they hold."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from visae._support.cache import cache_folder
from visae._support.errors import VisaeError
from visae.networks._cards import Card


def find(card: Card, path: Path | None = None) -> Path:
    """The file with a network's weights.

    Looked for in this order: `path`, a file, or a folder with one of the card's files; the same in the
    environment variable `VISAE_WEIGHTS`, except that a folder there need not have this network's; the
    cache. Raises `VisaeError` if `path` or `VISAE_WEIGHTS` does not exist, and where nothing is found:
    it then names the command that downloads the weights.
    """
    if path is not None:
        found = _at(card, path, "the path given")
        if found is None:
            raise VisaeError(f"the folder {path} has no weights of {card.name}, expected {_names(card)}")
        return found
    places = list(_places())
    for origin, place in places:
        found = _at(card, place, origin)
        if found is not None:
            return found
    raise _not_found(card, [place for _, place in places])


def check(
    found: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    origin: Path,
    spare: tuple[str, ...] = (),
) -> dict[str, Tensor]:
    """The tensors that a network expects, in the order in which it expects them.

    `expected` has the shape of each. Tensors whose names begin with one of `spare` may be in the file
    and are left out: heads that were only trained with. Raises one `VisaeError` that names every tensor
    that is missing, surplus, of another shape, or not finite.
    """
    faults = list(_faults(found, expected, spare))
    if faults:
        message = f"{origin} does not hold this network's weights: {'; '.join(faults)}; give the file of its card"
        raise VisaeError(" ".join(message.split()))
    return {name: found[name] for name in expected}


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and values in the order of the names: the same in any container."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        header = json.dumps([name, str(tensor.dtype), list(tensor.shape)])
        total.update(f"{header}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _places() -> Iterator[tuple[str, Path]]:
    chosen = os.environ.get("VISAE_WEIGHTS")
    if chosen:
        yield "VISAE_WEIGHTS", Path(chosen).expanduser()
    cache = cache_folder("weights")
    if cache.is_dir():
        yield "the cache", cache


def _at(card: Card, place: Path, origin: str) -> Path | None:
    if not place.exists():
        raise VisaeError(f"{origin} is {place}, which does not exist; correct it, or leave it out")
    if not place.is_dir():
        return place
    return next((place / name for name in card.file_names() if (place / name).is_file()), None)


def _not_found(card: Card, places: list[Path]) -> VisaeError:
    source = card.preferred()
    looked = " and ".join(dict.fromkeys(map(str, [*places, cache_folder("weights")])))
    return VisaeError(
        f"no weights of {card.name} in {looked}, expected {_names(card)}; run `visae fetch {card.name}`, "
        f"which downloads {source.url} ({source.digest}), or give the file or its folder by --weights or VISAE_WEIGHTS"
    )


def _names(card: Card) -> str:
    return " or ".join(card.file_names())


def _faults(
    found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], spare: tuple[str, ...]
) -> Iterator[str]:
    missing = [f"{name} ({_shape(shape)})" for name, shape in expected.items() if name not in found]
    surplus = [f"{name} ({_shape(found[name].shape)})" for name in found if name not in expected]
    surplus = [entry for entry in surplus if not entry.startswith(spare)]
    if missing:
        yield f"missing {', '.join(missing)}"
    if surplus:
        yield f"surplus {', '.join(surplus)}"
    for name in (name for name in expected if name in found):
        tensor, shape = found[name], expected[name]
        if tuple(tensor.shape) != tuple(shape):
            yield f"{name} is {_shape(tensor.shape)}, expected {_shape(shape)}"
        elif not (finite := torch.isfinite(tensor)).all():
            yield f"{name} has {int((~finite).sum())} of {tensor.numel()} values that are not finite"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
