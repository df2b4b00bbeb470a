"""Taking polysemantic neurons apart: the features that write to a neuron, and what each of them is."""

from collections.abc import Sequence
from dataclasses import dataclass

from visae.errors import VisaeError
from visae.metrics.shares import Batches, Shares, explained
from visae.sae import SAE
from visae.tuning import Battery, Families, families
from visae.tuning.families import STIMULUS

# Of a neuron's variance: below this a feature is no part of it worth a line; from this on it is a large one.
LEAST, LARGE = 0.01, 0.1
# Detectors of one family whose orientations are nearer than this are one meaning.
ONE_MEANING = 30.0  # degrees


@dataclass(frozen=True)
class Part:
    """A feature that writes to a neuron.

    share:       of the neuron's variance, see `Shares`.  weight: what one unit of the feature adds to the neuron.
    together:    share of the variance that this and all larger parts explain.
    family:      curve, double_curve, angle, line, edge, or empty.  orientation: degrees; None without a family.
    """

    feature: int
    share: float
    weight: float
    together: float
    family: str
    orientation: float | None


@dataclass(frozen=True)
class Meaning:
    """Features of one family and orientation, and their share of a neuron's variance together."""

    family: str
    orientation: float | None
    share: float


def parts(sae: SAE, batches: Batches, found: Shares, swept: Battery, neuron: int, least: float = LEAST) -> list[Part]:
    """The features with at least a share `least` of a neuron's variance, the largest first.

    batches: calls forth the rows.  found: `shares` over them.  swept: the battery of the SAE's features.

    Raises `VisaeError` for a neuron that does not exist.
    """
    count = found.share.shape[1]
    if not 0 <= neuron < count:
        raise VisaeError(f"there is no neuron {neuron}; the layer has {count}, from 0 to {count - 1}")
    units = found.largest(neuron, least)
    together = explained(sae, batches, neuron, units)
    of = families(swept)
    names = of.names()
    return [
        Part(
            unit,
            found.share[unit, neuron].item(),
            found.weight[unit, neuron].item(),
            sum_of,
            names[unit],
            _orientation(of, names[unit], unit),
        )
        for unit, sum_of in zip(units, together, strict=True)
    ]


def meanings(found: Shares, of: Families, neuron: int, large: float = LARGE) -> list[Meaning]:
    """What a neuron stands for, the largest share first: its large parts, those of one meaning put together.

    Features of no family are one meaning together: nothing is known that would tell them apart.
    """
    names, merged = of.names(), list[Meaning]()
    for unit in found.largest(neuron, large):
        one = Meaning(names[unit], _orientation(of, names[unit], unit), found.share[unit, neuron].item())
        same = next((index for index, other in enumerate(merged) if _alike(one, other)), None)
        if same is None:
            merged.append(one)
        else:
            before = merged[same]
            merged[same] = Meaning(before.family, before.orientation, before.share + one.share)
    return sorted(merged, key=lambda meaning: -meaning.share)


def most_polysemantic(found: Shares, swept: Battery, large: float = LARGE) -> list[tuple[int, list[Meaning]]]:
    """Neurons of two meanings or more, by the share of the second: the largest first."""
    of = families(swept)
    every = [(neuron, meanings(found, of, neuron, large)) for neuron in range(found.share.shape[1])]
    several = [(neuron, of_neuron) for neuron, of_neuron in every if len(of_neuron) > 1]
    return sorted(several, key=lambda item: -item[1][1].share)


def words(of: Sequence[Meaning]) -> str:
    """Meanings in words, for a table."""
    return ", ".join(f"{named(one.family, one.orientation)} {one.share:.0%}" for one in of)


def named(family: str, orientation: float | None) -> str:
    """A family and an orientation in words."""
    # The nearest whole degree to one just below 360 is 0.
    return "other" if orientation is None else f"{family.replace('_', ' ')} {round(orientation) % 360}°"


def _orientation(of: Families, family: str, unit: int) -> float | None:
    return of.orientation[family][unit].item() if family else None


def _alike(one: Meaning, other: Meaning) -> bool:
    if one.family != other.family or one.orientation is None or other.orientation is None:
        return one.family == other.family
    period = 180.0 if STIMULUS[one.family] in ("line", "double_curve") else 360.0
    apart = abs(one.orientation - other.orientation) % period
    return min(apart, period - apart) < ONE_MEANING
