"""The parts of a neuron: the features that write to it, and the meanings they form."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics import Attribution, variance_explained
from visae.sae import SAE
from visae.tuning import FAMILY_STIMULUS, Families, angular_distance
from visae.tuning.stimuli import stimulus

Batches = Callable[[], Iterable[Float[Tensor, "_ d"]]]

# Shares of a neuron's variance: features below the first are not listed, features at or above the second are large.
MIN_SHARE, LARGE_SHARE = 0.01, 0.1
# Detectors of one family whose orientations differ by less share a meaning.
SAME_MEANING = 30.0  # degrees


@dataclass(frozen=True)
class Part:
    """A feature that writes to a neuron.

    share:       share of the neuron's variance (see `Attribution`).
    weight:      what one unit of the feature adds to the neuron.
    together:    share of the variance that this part and all larger ones explain together.
    family:      curve, double_curve, angle, line, edge, or empty.
    orientation: degrees, or None.
    """

    feature: int
    share: float
    weight: float
    together: float
    family: str
    orientation: float | None


@dataclass(frozen=True)
class Meaning:
    """Features of one family and orientation; `share` is the sum of their shares of the neuron's variance."""

    family: str
    orientation: float | None
    share: float


def neuron_parts(
    sae: SAE, batches: Batches, attribution: Attribution, families: Families, neuron: int, min_share: float = MIN_SHARE
) -> list[Part]:
    """List the features with a share of at least `min_share` of a neuron's variance, largest first.

    batches:  yields the rows that `attribution` was computed over.
    families: families of the SAE's features.

    Raises `VisaeError` for an unknown neuron.
    """
    count = attribution.share.shape[1]
    if not 0 <= neuron < count:
        raise VisaeError(f"there is no neuron {neuron}; the layer has {count}, from 0 to {count - 1}")
    features = attribution.largest(neuron, min_share)
    return [
        Part(
            feature,
            attribution.share[feature, neuron].item(),
            attribution.weight[feature, neuron].item(),
            together,
            families.names[feature],
            _orientation(families, feature),
        )
        for feature, together in zip(features, variance_explained(sae, batches(), neuron, features), strict=True)
    ]


def neuron_meanings(
    attribution: Attribution, families: Families, neuron: int, min_share: float = LARGE_SHARE
) -> list[Meaning]:
    """Merge a neuron's large parts into meanings, largest share first.

    Features without a family are merged into one meaning, since nothing known distinguishes them.
    """
    merged = list[Meaning]()
    for feature in attribution.largest(neuron, min_share):
        share = attribution.share[feature, neuron].item()
        meaning = Meaning(families.names[feature], _orientation(families, feature), share)
        same = next((index for index, known in enumerate(merged) if _is_same(meaning, known)), None)
        if same is None:
            merged.append(meaning)
        else:
            merged[same] = replace(merged[same], share=merged[same].share + share)
    return sorted(merged, key=lambda meaning: -meaning.share)


def most_polysemantic(
    attribution: Attribution, families: Families, min_share: float = LARGE_SHARE
) -> list[tuple[int, list[Meaning]]]:
    """Rank the neurons that have two or more meanings with a family by the share of the second, largest first.

    The meaning without a family is listed but does not count, since it may coincide with another.
    """
    ranked = []
    for neuron in range(attribution.share.shape[1]):
        meanings = neuron_meanings(attribution, families, neuron, min_share)
        shares = [meaning.share for meaning in meanings if meaning.family]
        if len(shares) > 1:
            ranked.append((shares[1], neuron, meanings))
    return [(neuron, meanings) for _, neuron, meanings in sorted(ranked, key=lambda row: -row[0])]


def describe_detector(family: str, orientation: float | None) -> str:
    """Return a family and an orientation as text, such as "double curve 20°"; "other" without a family."""
    if not family:
        return "other"
    # Just below 360, the nearest whole degree is 0.
    return family.replace("_", " ") + ("" if orientation is None else f" {round(orientation) % 360}°")


def describe_meanings(meanings: Sequence[Meaning]) -> str:
    """Return meanings and their shares as text, for a table."""
    return ", ".join(f"{describe_detector(each.family, each.orientation)} {each.share:.0%}" for each in meanings)


def _orientation(families: Families, feature: int) -> float | None:
    """Return the preferred orientation of a feature in degrees; None without a family, or where it is undefined.

    It is undefined for a double-curve detector, which is recognised by its tuning to circles, if no double curve in the
    sweep drives it.
    """
    family = families.names[feature]
    orientation = families.orientation[family][feature].item() if family else float("nan")
    return None if orientation != orientation else orientation


def _is_same(a: Meaning, b: Meaning) -> bool:
    if a.family != b.family or a.orientation is None or b.orientation is None:
        return a.family == b.family
    period = stimulus(FAMILY_STIMULUS[a.family]).period
    distance = angular_distance(torch.tensor(a.orientation), torch.tensor(b.orientation), period)
    return distance.item() < SAME_MEANING
