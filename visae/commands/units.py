"""The options that select units: a dictionary's features or a layer's neurons, and which of them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from visae._support.errors import VisaeError
from visae.commands.options import WeightsOptions

if TYPE_CHECKING:
    from visae.units import Units

_PART = re.compile(r"(\d+)(?::(\d+))?")


@dataclass(kw_only=True)
class UnitOptions(WeightsOptions):
    """Which units."""

    target: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TARGET")]
    """Folder of a dictionary, for its features, or NETWORK:LAYER, for neurons."""
    units: str = "all"
    """Which units: numbers and ranges such as 3,17,50:60 (60 is excluded), or all."""

    def open_units(self) -> "Units":
        """Open the features of a dictionary (a folder or file), or the neurons of `NETWORK:LAYER`."""
        from visae.sae import load
        from visae.units import features, neurons

        if Path(self.target).exists():
            sae = load(self.target)
            network = self.open_named(sae.about["network"])
            return features(network, sae.about["layer"], sae.to(network.device))
        name, _, layer = self.target.rpartition(":")
        return neurons(self.open_named(name), layer)

    def check_target(self) -> None:
        """Raise `VisaeError` for a target that is neither a dictionary nor NETWORK:LAYER, and for malformed --units."""
        if Path(self.target).exists():
            self.check_dictionary(self.target)
        else:
            name, _, _ = self.target.rpartition(":")
            if not name:
                raise VisaeError(
                    f"{self.target} is neither a dictionary nor NETWORK:LAYER, such as inceptionv1-caffe:mixed3b"
                )
            self.check_weights(name)
        if self.units != "all":
            parse_ranges(self.units)

    def selected(self, units: "Units") -> list[int]:
        """The numbers of the selected units; raises `VisaeError` for those that do not exist."""
        return select_units(self.units, units)


def parse_ranges(text: str) -> list[range]:
    """Parse `3,17,50:60` into ranges; raises `VisaeError` for anything else."""
    ranges = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise VisaeError(
                f"found {part.strip()!r} in --units {text}; expected numbers, ranges or all, such as 3,17,50:60"
            )
        first = int(match[1])
        end = first + 1 if match[2] is None else int(match[2])
        if first >= end:
            raise VisaeError(f"--units has {part.strip()}, which is empty: a range ascends, and its end is excluded")
        ranges.append(range(first, end))
    return ranges


def select_units(text: str, units: "Units") -> list[int]:
    """The unit numbers in `3,17,50:60` or `all`, sorted, without duplicates.

    Raises `VisaeError` for anything else, and for numbers that the units do not have.
    """
    if text == "all":
        return list(range(len(units)))
    ranges = parse_ranges(text)
    largest = max(numbers.stop for numbers in ranges) - 1
    if largest >= len(units):
        owner = f"{units.layer.name} of {units.network.name} has {len(units):,} {units.kind}"
        raise VisaeError(f"--units has {largest}; {owner}, from 0 to {len(units) - 1}")
    return sorted({number for numbers in ranges for number in numbers})
