"""How a family covers the circle of orientations: its gaps, and its best unit's response at every orientation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.tuning._battery import Battery
from visae.tuning._curve_detectors import DEFAULT_CRITERIA, DetectorCriteria
from visae.tuning._families import FAMILY_STIMULUS, families
from visae.tuning._tuning_statistics import angular_distance, largest_gap

# Counts and gaps are reported over this grid, so that no finding depends on a single threshold.
SELECTIVITIES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
ECHOES = (0.02, 0.05, 0.1, 0.2)
# Degrees: half the usual spacing of neighbouring curve neurons in the paper.
GAP_DISTANCE = 15.0


@dataclass(frozen=True, eq=False)
class Coverage:
    """How the members of a family cover orientation.

    units:       the members, by preferred orientation.
    orientation: their preferred orientations, degrees, sorted.
    largest_gap: between neighbours, degrees; the whole circle for fewer than two.
    envelope:    the best member's response at every orientation, [o], in its standard deviations over natural images.
    ratio:       minimum of the envelope over its median; 0 if no member responds; nan without members.
    """

    family: str
    units: list[int]
    orientation: Float[Tensor, " n"]
    largest_gap: float
    envelope: Float[Tensor, " o"]
    ratio: float


def coverage(battery: Battery, family: str, members: Bool[Tensor, " u"], deviation: Float[Tensor, " u"]) -> Coverage:
    """Measure how the members of a family cover orientation.

    deviation: from `natural_deviation`; units that never vary are left out.
    """
    stimulus = FAMILY_STIMULUS[family]
    responses, preferred = battery.responses[stimulus], battery.tuning[stimulus].orientation
    tuning = responses.tuning()
    units = (members & (deviation > 0)).nonzero().flatten()
    units = units[preferred[units].argsort()]
    envelope = tuning.new_zeros(tuning.shape[1])
    if len(units):
        envelope = (tuning[units] / deviation[units, None]).amax(0)
    median = envelope.median().item()
    ratio = envelope.min().item() / median if median > 0 else (0.0 if len(units) else float("nan"))
    gap = largest_gap(preferred[units], responses.period)
    return Coverage(family, units.tolist(), preferred[units], gap, envelope, ratio)


def coverages_over_criteria(
    battery: Battery,
    deviation: Float[Tensor, " u"],
    family: str = "curve",
    selectivities: Sequence[float] = SELECTIVITIES,
    echoes: Sequence[float] = ECHOES,
    criteria: DetectorCriteria = DEFAULT_CRITERIA,
) -> Iterator[tuple[float, float, Coverage]]:
    """Yield selectivity, echo and coverage for every pair of the two thresholds; the other criteria stay as given."""
    for selectivity in selectivities:
        for echo in echoes:
            varied = replace(criteria, selectivity=selectivity, echo=echo)
            yield selectivity, echo, coverage(battery, family, families(battery, varied).members[family], deviation)


def grid_metrics(coverages: Iterable[tuple[float, float, Coverage]]) -> list[dict[str, float]]:
    """Return count, largest gap and coverage ratio for every pair of thresholds of `coverages_over_criteria`."""
    return [
        {
            "selectivity": selectivity,
            "echo": echo,
            "count": len(covered.units),
            "largest_gap": covered.largest_gap,
            "coverage": covered.ratio,
        }
        for selectivity, echo, covered in coverages
    ]


def distance_to_nearest(
    orientations: Float[Tensor, " n"], detectors: Float[Tensor, " m"], period: float = 360.0
) -> Float[Tensor, " n"]:
    """Return the distance of each orientation from the nearest detector's, degrees; half the period without any."""
    if not len(detectors):
        return torch.full_like(orientations, period / 2)
    return angular_distance(detectors[None], orientations[:, None], period).amin(1)


def in_gap(
    orientations: Float[Tensor, " n"],
    detectors: Float[Tensor, " m"],
    threshold: float = GAP_DISTANCE,
    period: float = 360.0,
) -> Bool[Tensor, " n"]:
    """Decide which orientations lie in a gap: at least `threshold` degrees from the orientation of every detector."""
    return distance_to_nearest(orientations, detectors, period) >= threshold
