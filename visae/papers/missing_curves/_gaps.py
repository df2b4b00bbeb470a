"""The curve features in the neurons' gaps: which there are, which tests they pass, and which of them count."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from visae._support import files
from visae.metrics import Quality
from visae.nulls import Detectors, detectors_at
from visae.papers.missing_curves._natural_tuning import NaturalTuning
from visae.sae import SAE
from visae.tuning import GAP_DISTANCE, Coverage, MeasuredPopulation, distance_to_nearest, in_gap

_LARGEST_NEURONS = 3
# Features of a dictionary that photographs are asked about, at most.
ASKED = 12

Row = dict[str, Any]


def detectors_of_coverage(
    neurons: Coverage, features: Coverage, measured: Quality, again: Bool[Tensor, " m"] | None
) -> Detectors:
    """Test the curve features of a population, in the order of their orientation.

    measured, again: as in `visae.nulls.detectors`.
    """
    in_gaps = in_gap(features.orientation, neurons.orientation)
    units = torch.tensor(features.units, dtype=torch.int64)
    return detectors_at(units, features.orientation, in_gaps, measured, again)


def features_in_gaps(
    neurons: Coverage, features: MeasuredPopulation, sae: SAE, detectors: Detectors | None = None
) -> list[Row]:
    """Describe the curve features in the neurons' gaps, the farthest from any curve neuron first.

    detectors: which tests they pass; left out of the descriptions if None.
    """
    directions = torch.nn.functional.normalize(sae.directions.cpu(), dim=1)
    circle, tuning = features.battery.tuning["circle"], features.battery.responses["circle"].tuning()
    rows = []
    for unit, distance in _distances(neurons, features.curves):
        weights = directions[unit]
        largest = weights.abs().topk(min(_LARGEST_NEURONS, len(weights))).indices
        rows.append(
            {
                "feature": unit,
                "orientation": circle.orientation[unit].item(),
                "nearest_curve_neuron": distance,
                "selectivity": circle.selectivity[unit].item(),
                "neurons": {str(neuron): weights[neuron].item() for neuron in largest.tolist()},
                "cosine_to_nearest_neuron": weights.max().item(),
                "tuning": tuning[unit].tolist(),
                **({} if detectors is None else _tests(unit, detectors)),
            }
        )
    return sorted(rows, key=lambda row: -row["nearest_curve_neuron"])


def to_ask(rows: Iterable[Row]) -> list[int]:
    """Return the features that photographs are asked about: first those that pass all other tests."""
    ordered = sorted(rows, key=lambda row: not (row["helps"] and row["found_again"]))
    return [row["feature"] for row in ordered[:ASKED]]


def add_photographs(row: Row, natural: NaturalTuning | None, asked: Sequence[int]) -> Row:
    """Add what photographs say of a feature in a gap, and whether it counts.

    asked:  the features whose dataset examples were rotated to find out.

    `natural_disagreement` is how far off the orientation is there, degrees, and `agrees` whether that is less than 15;
    both None where it is unknown.
    """
    is_asked = natural is not None and row["feature"] in asked
    disagreement = natural.disagreement(row["feature"]) if natural is not None and is_asked else float("nan")
    known = files.without_nan({"natural_disagreement": disagreement})["natural_disagreement"]
    row = {**row, "asked": is_asked, "natural_disagreement": known}
    row["agrees"] = None if known is None else known < GAP_DISTANCE
    return {**row, "counted": is_counted(row)}


def is_counted(row: Mapping[str, Any]) -> bool | None:
    """Whether a feature in a gap helps, is found again under another seed, and photographs agree; None if unknown."""
    tests = [row["helps"], row["found_again"], row["agrees"]]
    if False in tests:
        return False
    return None if None in tests else True


def gap_counts(rows: Sequence[Row]) -> Row:
    """Count the features in gaps, those that pass each test and all, and name those that pass all.

    confirmed_in_gaps: those that help and are found again.
    asked, answered:   about how many photographs were asked, and of how many they decide.
    undecided:         those that fail no test, and for which one could not be made.

    What is unknown of all is None, as `counted` is if photographs decide about none.
    """
    undecided = sum(row["counted"] is None for row in rows)
    answered = sum(row["agrees"] is not None for row in rows)
    return {
        "in_gaps": len(rows),
        "help": sum(row["helps"] for row in rows),
        "found_again": _known_sum([row["found_again"] for row in rows]),
        "confirmed_in_gaps": _known_sum([row["found_again"] and row["helps"] for row in rows]),
        "asked": sum(row["asked"] for row in rows),
        "answered": answered,
        "agree": sum(row["agrees"] is True for row in rows),
        "counted": None if undecided and not answered else sum(row["counted"] is True for row in rows),
        "undecided": undecided,
        "counted_features": sorted(row["feature"] for row in rows if row["counted"]),
    }


def counted_first(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return features in gaps with those that count first."""
    return sorted(rows, key=lambda row: not row["counted"])


def gaps_over_criteria(neurons: MeasuredPopulation, features: MeasuredPopulation) -> list[int]:
    """Count the features in the neurons' gaps under each pair of thresholds, in the order of the grid."""
    pairs = zip(neurons.curves_over_criteria, features.curves_over_criteria, strict=True)
    return [len(_distances(neuron_curves, curves)) for (_, _, neuron_curves), (_, _, curves) in pairs]


def _tests(unit: int, detectors: Detectors) -> Row:
    index = detectors.units.tolist().index(unit)
    again = None if detectors.again is None else bool(detectors.again[index])
    return {"fires": bool(detectors.fires[index]), "helps": bool(detectors.helps[index]), "found_again": again}


def _known_sum(values: Sequence[bool | None]) -> int | None:
    known = [value for value in values if value is not None]
    return None if values and not known else sum(known)


def _distances(neurons: Coverage, features: Coverage) -> list[tuple[int, float]]:
    """Pair each feature in the neurons' gaps with its distance to the nearest curve neuron, in degrees."""
    distances = distance_to_nearest(features.orientation, neurons.orientation).tolist()
    return [(unit, away) for unit, away in zip(features.units, distances, strict=True) if away >= GAP_DISTANCE]
