"""Headlines beside their nulls: the interval over seeds, and which headline a null matches, in a line each."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

Seeds = Sequence[Mapping[str, Any]]
Interval = Mapping[str, float]

# The unexplained variance, in the dictionary's, up to which a null is as good a dictionary.
_AS_GOOD = 1.1
_CIRCLE = 360.0  # degrees: the gap of those that have no curve detectors


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

    A null that leaves at most a tenth more of the variance unexplained than the dictionary is called as good a
    dictionary instead. One that is stopped early may be, if training converges sooner.

    features: the figures of the dictionary: `count`, `max_gap_deg`, `explained_variance` and, if it is known,
              `confirmed_in_gaps`.
    nulls:    the same figures for every seed of each null, by name.
    """
    return [line for name, seeds in nulls.items() for line in _lines(name, features, seeds)]


def _lines(null: str, features: Mapping[str, Any], seeds: Seeds) -> Iterator[str]:
    explained, own = spread(_values(seeds, "explained_variance")), features["explained_variance"]
    if explained is not None and own is not None and 1 - explained["lowest"] <= _AS_GOOD * (1 - own):
        text = spread_text(_values(seeds, "explained_variance"), ".3f")
        yield f"{null}: explains {text}, the dictionary {own:.3f}; as good a dictionary, and no null"
        return
    for figure, (form, is_matched, rest) in _FIGURES.items():
        interval, value = spread(_values(seeds, figure)), features.get(figure)
        if interval is not None and value is not None and is_matched(interval, value):
            own_text, text = f"{value:.0f}", spread_text(_values(seeds, figure))
            yield f"{null}: {form.format(text)}, the dictionary {own_text}; {rest}"


def _values(seeds: Seeds, figure: str) -> list[float | None]:
    return [seed.get(figure) for seed in seeds]


def _has_as_many(interval: Interval, value: float) -> bool:
    return 0 < value <= interval["highest"]


def _leaves_no_more(interval: Interval, value: float) -> bool:
    return interval["lowest"] <= value < _CIRCLE


# Of each figure that is a headline: how it reads, when a null matches it, and what follows.
_FIGURES = {
    "count": ("{} curve detectors", _has_as_many, "the count is no evidence"),
    "max_gap_deg": ("largest gap {} degrees", _leaves_no_more, "the gap is no evidence"),
    "confirmed_in_gaps": ("{} confirmed detectors in the neurons' gaps", _has_as_many, "these are no evidence"),
}
