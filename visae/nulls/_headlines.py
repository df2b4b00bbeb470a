"""Headlines beside their nulls: the interval over seeds, and which headline a null matches, in a line each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

Seeds = Sequence[Mapping[str, Any]]
Interval = Mapping[str, float]

# The unexplained variance, in the dictionary's, up to which a null is as good a dictionary.
_AS_GOOD = 1.1
_CIRCLE = 360.0  # degrees: the gap of those that have no curve detectors


@dataclass(frozen=True)
class Headline:
    """A figure that may be a finding, and when it is none.

    text:       how a null's figure reads: `{}` stands for it.
    verdict:    what follows if a null matches it.
    is_matched: whether a null's interval over seeds matches the dictionary's figure.
    form:       how numbers are written.
    """

    text: str
    verdict: str
    is_matched: Callable[[Interval, float], bool]
    form: str = ".0f"


def has_as_many(interval: Interval, value: float) -> bool:
    """Whether any seed of a null has as many as the dictionary, if that has any."""
    return 0 < value <= interval["highest"]


def leaves_no_more(interval: Interval, value: float) -> bool:
    """Whether the gap that any seed of a null leaves is no larger than the dictionary's, if that covers anything."""
    return interval["lowest"] <= value < _CIRCLE


# The headlines about curve detectors, by figure.
CURVE_HEADLINES = {
    "count": Headline("{} curve detectors", "the count is no evidence", has_as_many),
    "max_gap_deg": Headline("largest gap {} degrees", "the gap is no evidence", leaves_no_more),
    "confirmed_in_gaps": Headline("{} confirmed detectors in the neurons' gaps", "these are no evidence", has_as_many),
}


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


def headlines(
    features: Mapping[str, Any],
    nulls: Mapping[str, Seeds],
    figures: Mapping[str, Headline] = CURVE_HEADLINES,
) -> list[str]:
    """Return a line for each headline that a null matches or exceeds with any of its seeds.

    A null that leaves at most a tenth more of the variance unexplained than the dictionary is called as good a
    dictionary instead. One that is stopped early may be, if training converges sooner.

    features: the dictionary's `explained_variance`, and those of the figures that are known.
    nulls:    the same for every seed of each null, by name.
    figures:  which are headlines; by default `count`, `max_gap_deg` and `confirmed_in_gaps` of curve detectors.
    """
    return [line for name, seeds in nulls.items() for line in _lines(name, features, seeds, figures)]


def _lines(null: str, features: Mapping[str, Any], seeds: Seeds, figures: Mapping[str, Headline]) -> Iterator[str]:
    explained, own = spread(_values(seeds, "explained_variance")), features["explained_variance"]
    if explained is not None and own is not None and 1 - explained["lowest"] <= _AS_GOOD * (1 - own):
        text = spread_text(_values(seeds, "explained_variance"), ".3f")
        yield f"{null}: explains {text}, the dictionary {own:.3f}; as good a dictionary, and no null"
        return
    for figure, headline in figures.items():
        interval, value = spread(_values(seeds, figure)), features.get(figure)
        if interval is not None and value is not None and headline.is_matched(interval, value):
            text = headline.text.format(spread_text(_values(seeds, figure), headline.form))
            yield f"{null}: {text}, the dictionary {value:{headline.form}}; {headline.verdict}"


def _values(seeds: Seeds, figure: str) -> list[float | None]:
    return [seed.get(figure) for seed in seeds]
