"""Which units a command is about: a dictionary's features or a layer's neurons, and some of their numbers."""

import re
from pathlib import Path

import visae
from visae._support.errors import VisaeError
from visae.sae import load
from visae.units import Units, features, neurons

_PART = re.compile(r"(\d+)(?::(\d+))?")


def open_units(target: str, weights: Path | None, device: str | None) -> Units:
    """The features of a dictionary (a folder or file), or the neurons of `NETWORK:LAYER`.

    Raises `VisaeError` for what is neither.
    """
    if Path(target).exists():
        sae = load(target)
        network = visae.network(sae.about["network"], weights, device)
        return features(network, sae.about["layer"], sae.to(network.device))
    name, _, layer = target.rpartition(":")
    if not name:
        raise VisaeError(f"{target} is neither a dictionary nor NETWORK:LAYER, as inceptionv1-caffe:mixed3b")
    return neurons(visae.network(name, weights, device), layer)


def numbers(text: str, units: Units) -> list[int]:
    """The numbers that `3,17,50:60` or `all` stands for, in order, each once; the end of a range is not part of it.

    Raises `VisaeError` for anything else, and for numbers that the units do not have.
    """
    if text == "all":
        return list(range(len(units)))
    chosen: dict[int, None] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise VisaeError(
                f"found {part.strip()!r} in --units {text}; expected numbers, ranges or all, as 3,17,50:60"
            )
        first = int(match[1])
        last = first + 1 if match[2] is None else int(match[2])
        if first >= last:
            raise VisaeError(f"--units has {part.strip()}, which is no unit: a range goes up, and its end is left out")
        if last > len(units):
            of = f"{units.layer.name} of {units.network.name} has {len(units):,} {units.kind}"
            raise VisaeError(f"--units has {part.strip()}; {of}, from 0 to {len(units) - 1}")
        chosen.update(dict.fromkeys(range(first, last)))
    return sorted(chosen)
