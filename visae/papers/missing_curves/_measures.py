"""The figures of a layer's populations, as the report holds them."""

from typing import Any

import torch

from visae._support import files
from visae.papers.missing_curves._populations import Natural, Population
from visae.sae import SAE
from visae.tuning import GAP_DISTANCE, Coverage, distance_to_nearest, echo, grid_metrics, tuning_width

_LARGEST_NEURONS = 3
_BINS = 20  # of the distribution of selectivity


def population_figures(of: Population) -> dict[str, Any]:
    """How many curve detectors a population has, how they cover the circle, what they are like; and other families."""
    figures = {
        "units": len(of.units),
        "curve_units": len(of.curves.units),
        "largest_gap": of.curves.largest_gap,
        "coverage": of.curves.ratio,
        "orientations": of.curves.orientation.tolist(),
        "families": {family: int(which.sum()) for family, which in of.families.members.items()},
        "selectivity_histogram": torch.histc(of.selectivity, _BINS, 0, 1).int().tolist(),
        "medians_of_curve_units": files.without_nan(of.tuning_summary.medians(of.curves.units)),
        "grid": [files.without_nan(row) for row in grid_metrics(of.over_grid)],
    }
    return files.without_nan(figures)


def natural_figures(natural: Natural) -> dict[str, Any]:
    """What natural images say of curve detectors, beside what synthetic circles say."""
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


def disagreement_in_gaps(natural: Natural | None, unit: int) -> dict[str, Any]:
    """Whether dataset examples of one unit were turned, and how far off their orientation is; null where unknown."""
    if natural is None or unit not in natural.units:
        return {"asked": False, "natural_disagreement": None}
    return files.without_nan({"asked": True, "natural_disagreement": natural.disagreement_of(unit)})


def gaps_over_criteria(neurons: Population, of: Population) -> list[int]:
    """How many curve detectors lie in the neurons' gaps under each pair of thresholds, in the order of the grid."""
    both = zip(neurons.over_grid, of.over_grid, strict=True)
    return [len(_far(of_neurons, of_features)) for (_, _, of_neurons), (_, _, of_features) in both]


def features_in_gaps(of_neurons: Coverage, of_features: Population, sae: SAE) -> list[dict[str, Any]]:
    """The curve features whose orientation no curve neuron is near, by how far from the nearest."""
    rows = []
    unit_directions = torch.nn.functional.normalize(sae.directions.cpu(), dim=1)
    circle = of_features.swept.tuning["circle"]
    for unit, nearest in _far(of_neurons, of_features.curves):
        weights = unit_directions[unit]
        largest = weights.abs().topk(min(_LARGEST_NEURONS, len(weights))).indices
        rows.append(
            {
                "feature": unit,
                "orientation": circle.orientation[unit].item(),
                "nearest_curve_neuron": nearest,
                "selectivity": circle.selectivity[unit].item(),
                "neurons": {str(neuron): weights[neuron].item() for neuron in largest.tolist()},
                "cosine_to_nearest_neuron": weights.max().item(),
                "tuning": of_features.swept.responses["circle"].tuning()[unit].tolist(),
            }
        )
    return sorted(rows, key=lambda row: -row["nearest_curve_neuron"])


def _far(of_neurons: Coverage, of_features: Coverage) -> list[tuple[int, float]]:
    """The features that are far from every curve neuron, and how far, in degrees."""
    nearest = distance_to_nearest(of_features.orientation, of_neurons.orientation).tolist()
    return [(unit, away) for unit, away in zip(of_features.units, nearest, strict=True) if away >= GAP_DISTANCE]
