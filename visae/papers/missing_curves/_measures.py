"""The metrics of a layer's populations, as stored in the report; and which features lie in the neurons' gaps."""

from collections.abc import Mapping
from typing import Any

import torch

from visae._support import files
from visae.papers.missing_curves._populations import NaturalTuning
from visae.sae import SAE
from visae.tuning import (
    GAP_DISTANCE,
    Coverage,
    MeasuredPopulation,
    distance_to_nearest,
    echo,
    grid_metrics,
    tuning_width,
)

_LARGEST_NEURONS = 3
_BINS = 20  # in the histogram of selectivity


def population_metrics(population: MeasuredPopulation) -> dict[str, Any]:
    """Describe a population: its curve detectors, their coverage and tuning, and the sizes of the other families."""
    curves = population.curves
    metrics = {
        "units": len(population.units),
        "curve_units": len(curves.units),
        "largest_gap": curves.largest_gap,
        "coverage": curves.ratio,
        "orientations": curves.orientation.tolist(),
        "families": {family: int(members.sum()) for family, members in population.families.members.items()},
        "selectivity_histogram": torch.histc(population.selectivity, _BINS, 0, 1).int().tolist(),
        "medians_of_curve_units": files.without_nan(population.tuning_summary.medians(curves.units)),
        "grid": [files.without_nan(row) for row in grid_metrics(population.curves_over_criteria)],
    }
    return files.without_nan(metrics)


def natural_metrics(natural: NaturalTuning) -> dict[str, Any]:
    """Describe the tuning of curve detectors in natural images, and how it differs from their tuning to circles."""
    own, orientation = natural.own(), natural.orientation[-len(natural.units) :]
    return files.without_nan(
        {
            "units": list(own.units),
            "examples": list(own.examples),
            "width": torch.nanquantile(tuning_width(own.own), 0.5).item(),
            "echo": torch.nanquantile(echo(own.own), 0.5).item(),
            "disagreement_with_circles": own.disagreement(orientation),
        }
    )


def gaps_over_criteria(neurons: MeasuredPopulation, features: MeasuredPopulation) -> list[int]:
    """Count the features in the neurons' gaps under each pair of thresholds, in the order of the grid."""
    pairs = zip(neurons.curves_over_criteria, features.curves_over_criteria, strict=True)
    return [len(_in_gaps(neuron_curves, curves)) for (_, _, neuron_curves), (_, _, curves) in pairs]


def features_in_gaps(neurons: Coverage, features: MeasuredPopulation, sae: SAE) -> list[dict[str, Any]]:
    """Describe the curve features in the neurons' gaps, the farthest from any curve neuron first."""
    rows = []
    directions = torch.nn.functional.normalize(sae.directions.cpu(), dim=1)
    circle, tuning = features.battery.tuning["circle"], features.battery.responses["circle"].tuning()
    for unit, distance in _in_gaps(neurons, features.curves):
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
            }
        )
    return sorted(rows, key=lambda row: -row["nearest_curve_neuron"])


def add_natural_disagreement(row: Mapping[str, Any], natural: NaturalTuning | None) -> dict[str, Any]:
    """Add to a feature in a gap whether its dataset examples were rotated, and how far off its orientation is there.

    The disagreement is None where it is unknown.
    """
    if natural is None or row["feature"] not in natural.units:
        return {**row, "asked": False, "natural_disagreement": None}
    disagreement = {"natural_disagreement": natural.disagreement(row["feature"])}
    return {**row, "asked": True, **files.without_nan(disagreement)}


def _in_gaps(neurons: Coverage, features: Coverage) -> list[tuple[int, float]]:
    """Pair each feature in the neurons' gaps with its distance to the nearest curve neuron, in degrees."""
    distances = distance_to_nearest(features.orientation, neurons.orientation).tolist()
    return [(unit, away) for unit, away in zip(features.units, distances, strict=True) if away >= GAP_DISTANCE]
