"""How a family covers the circle of orientations: its gaps, and its best unit's response everywhere."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor

from visae.tuning import _statistics as summary
from visae.tuning._battery import Battery
from visae.tuning._families import DEFAULT_CRITERIA, FAMILY_STIMULUS, Criteria, families

# The grid over which counts and gaps are reported, so that none depends on one threshold.
SELECTIVITIES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ECHOES = (0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How the members of a family cover orientation.

    units:       the members, by preferred orientation.
    orientation: their preferred orientations, degrees, sorted.
    largest_gap: between neighbours, degrees; the whole circle for fewer than two.
    envelope:    the best member's response at every orientation, [o], in its standard deviations over natural images.
    ratio:       minimum of the envelope over its median; 0 where no member responds; nan without members.
    """

    family: str
    units: list[int]
    orientation: Float[Tensor, " n"]
    largest_gap: float
    envelope: Float[Tensor, " o"]
    ratio: float


def coverage(found: Battery, family: str, members: Bool[Tensor, " u"], deviation: Float[Tensor, " u"]) -> Coverage:
    """Of a family's members; `deviation` is that of `natural_deviation`, and units that never vary do not count."""
    responses = found.responses[FAMILY_STIMULUS[family]]
    tuning, preferred = responses.tuning(), found.tuned[FAMILY_STIMULUS[family]].orientation
    units = (members & (deviation > 0)).nonzero().flatten()
    units = units[preferred[units].argsort()]
    envelope = tuning.new_zeros(tuning.shape[1])
    if len(units):
        envelope = (tuning[units] / deviation[units, None]).amax(0)
    median = envelope.median().item()
    ratio = envelope.min().item() / median if median > 0 else (0.0 if len(units) else float("nan"))
    gap = summary.largest_gap(preferred[units], responses.period)
    return Coverage(family, units.tolist(), preferred[units], gap, envelope, ratio)


def coverages_over_criteria(
    found: Battery,
    deviation: Float[Tensor, " u"],
    family: str = "curve",
    selectivities: Sequence[float] = SELECTIVITIES,
    echoes: Sequence[float] = ECHOES,
    criteria: Criteria = DEFAULT_CRITERIA,
) -> Iterator[tuple[float, float, Coverage]]:
    """Coverage under every combination of two thresholds, selectivity and echo, the others as given."""
    for selectivity in selectivities:
        for echo in echoes:
            tried = replace(criteria, selectivity=selectivity, echo=echo)
            yield selectivity, echo, coverage(found, family, families(found, tried).members[family], deviation)


def grid_metrics(coverages: Iterable[tuple[float, float, Coverage]]) -> list[dict[str, float]]:
    """Count, largest gap and ratio under every pair of thresholds, of what `coverages_over_criteria` gave."""
    return [
        {
            "selectivity": selectivity,
            "echo": echo,
            "count": len(of.units),
            "largest_gap": of.largest_gap,
            "coverage": of.ratio,
        }
        for selectivity, echo, of in coverages
    ]
