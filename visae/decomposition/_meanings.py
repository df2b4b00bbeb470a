"""What neurons stand for: parts of one kind and orientation put together, and which neurons have several meanings."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from visae.decomposition._parts import named, orientation_of
from visae.metrics import Attribution
from visae.tuning import FAMILY_STIMULUS, Families, angular_distance
from visae.tuning.stimuli import stimulus

# Of a neuron's variance, from which on a feature is a large part of it.
LARGE = 0.1
# Detectors of one family whose orientations are nearer than this are one meaning.
ONE_MEANING = 30.0  # degrees


@dataclass(frozen=True)
class Meaning:
    """Features of one family and orientation, and their share of a neuron's variance together."""

    family: str
    orientation: float | None
    share: float


def meanings(found: Attribution, of: Families, neuron: int, large: float = LARGE) -> list[Meaning]:
    """What a neuron stands for, the largest share first: its large parts, those of one meaning put together.

    Features of no family are one meaning together: nothing is known that would tell them apart.
    """
    names, merged = of.names, list[Meaning]()
    for unit in found.largest(neuron, large):
        one = Meaning(names[unit], orientation_of(of, names[unit], unit), found.share[unit, neuron].item())
        same = next((index for index, other in enumerate(merged) if _alike(one, other)), None)
        if same is None:
            merged.append(one)
        else:
            before = merged[same]
            merged[same] = Meaning(before.family, before.orientation, before.share + one.share)
    return sorted(merged, key=lambda meaning: -meaning.share)


def most_polysemantic(found: Attribution, of: Families, large: float = LARGE) -> list[tuple[int, list[Meaning]]]:
    """Neurons of two meanings or more that have a family, by the share of the second of these: the largest first.

    What belongs to no family is listed among the meanings, but does not count: nobody knows that it is another.
    """
    several = []
    for neuron in range(found.share.shape[1]):
        every = meanings(found, of, neuron, large)
        known = [meaning.share for meaning in every if meaning.family]
        if len(known) > 1:
            several.append((known[1], neuron, every))
    return [(neuron, every) for _, neuron, every in sorted(several, key=lambda item: -item[0])]


def words(of: Sequence[Meaning]) -> str:
    """Meanings in words, for a table."""
    return ", ".join(f"{named(one.family, one.orientation)} {one.share:.0%}" for one in of)


def _alike(one: Meaning, other: Meaning) -> bool:
    if one.family != other.family or one.orientation is None or other.orientation is None:
        return one.family == other.family
    orientations, period = (
        torch.tensor([one.orientation, other.orientation]),
        stimulus(FAMILY_STIMULUS[one.family]).period,
    )
    return angular_distance(orientations[0], orientations[1], period).item() < ONE_MEANING
