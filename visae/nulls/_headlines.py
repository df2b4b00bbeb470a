"""Headlines beside their nulls: the interval over seeds, and which headline a null matches, in a line each."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

Seeds = Sequence[Mapping[str, Any]]


def spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Return `mean`, `lowest` and `highest` over seeds; None if the figure is unknown for any.

    The interval is that of all seeds, not a confidence interval: three seeds do not allow one.
    """
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        return None
    return {"mean": fmean(numbers), "lowest": min(numbers), "highest": max(numbers)}


def spread_text(values: Sequence[float | None], form: str = ".0f") -> str:
    """Return the mean and the interval over seeds as text, such as `177 (160..190)`; empty if unknown."""
    interval = spread(values)
    if interval is None:
        return ""
    mean, lowest, highest = (f"{interval[name]:{form}}" for name in ("mean", "lowest", "highest"))
    return mean if lowest == highest else f"{mean} ({lowest}..{highest})"


def headlines(features: Mapping[str, Any], nulls: Mapping[str, Seeds]) -> list[str]:
    """Return a line for each headline about curve detectors that a null matches or exceeds with any of its seeds.

    features: the figures of the dictionary: `count`, `max_gap_deg` and, if known, `confirmed_in_gaps`.
    nulls:    the same figures for every seed of each null, by name.
    """
    return [line for name, seeds in nulls.items() for line in _matched(name, features, seeds)]


def _matched(null: str, features: Mapping[str, Any], seeds: Seeds) -> Iterator[str]:
    counts, gaps = spread(_values(seeds, "count")), spread(_values(seeds, "max_gap_deg"))
    if counts is not None and counts["highest"] >= features["count"] > 0:
        yield (
            f"{null}: {spread_text(_values(seeds, 'count'))} curve detectors, the dictionary {features['count']}; "
            "the count is no evidence"
        )
    if gaps is not None and gaps["lowest"] <= features["max_gap_deg"] < 360:
        yield (
            f"{null}: largest gap {spread_text(_values(seeds, 'max_gap_deg'))} degrees, the dictionary "
            f"{features['max_gap_deg']:.0f}; the gap is no evidence"
        )
    confirmed, own = spread(_values(seeds, "confirmed_in_gaps")), features.get("confirmed_in_gaps")
    if confirmed is not None and own and confirmed["highest"] >= own:
        yield (
            f"{null}: {spread_text(_values(seeds, 'confirmed_in_gaps'))} confirmed detectors in the neurons' gaps, "
            f"the dictionary {own}; these are no evidence"
        )


def _values(seeds: Seeds, figure: str) -> list[float | None]:
    return [seed.get(figure) for seed in seeds]
