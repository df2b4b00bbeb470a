"""The figures of a layer's populations, as the report holds them."""

from typing import Any

import torch

from visae import files
from visae.reproduce.populations import Found
from visae.sae import SAE
from visae.tuning import Coverage, Joint, medians, over_criteria, summary

# A feature lies in a gap if no curve neuron's orientation is as near: half of the paper's neighbours' usual spacing.
IN_A_GAP = 15.0  # degrees
_LARGEST_NEURONS = 3
_BINS = 20  # of the distribution of selectivity


def population_figures(of: Found) -> dict[str, Any]:
    """How many curve detectors a population has, how they cover the circle, what they are like; and other families."""
    circle = of.swept.tuned["circle"]
    responding = circle.selectivity[circle.peak > 0]
    figures = {
        "units": len(of.units),
        "curve_units": len(of.curves.units),
        "largest_gap": of.curves.largest_gap,
        "coverage": of.curves.ratio,
        "orientations": of.curves.orientation.tolist(),
        "families": {family: int(which.sum()) for family, which in of.families.members.items()},
        "selectivity_histogram": torch.histc(responding, _BINS, 0, 1).int().tolist(),
        "medians_of_curve_units": files.without_nan(medians(of.portrait, of.curves.units)),
        "grid": [files.without_nan(row) for row in over_criteria(of.swept, of.deviation)],
    }
    return files.without_nan(figures)


def joint_figures(joint: Joint, of: Found) -> dict[str, Any]:
    """What natural images say of the curve detectors, beside what synthetic circles say."""
    orientation = of.swept.tuned["circle"].orientation[list(joint.units)]
    width, (_, selectivity) = summary.width(joint.own), summary.resultant(joint.own)
    return files.without_nan(
        {
            "units": list(joint.units),
            "examples": list(joint.examples),
            "width": torch.nanquantile(width, 0.5).item(),
            "echo": torch.nanquantile(summary.echo(joint.own), 0.5).item(),
            "selectivity": torch.nanquantile(selectivity, 0.5).item(),
            "disagreement_with_circles": joint.disagreement(orientation),
        }
    )


def natural_figures(joint: Joint, unit: int, of: Found) -> dict[str, float | None]:
    """How selective one unit is for the orientation of its dataset examples, and how far off circles put it.

    Null for a unit that was not asked, or that answers to no other's examples, nor others to its.
    """
    if unit not in joint.units:
        return {"natural_selectivity": None, "natural_disagreement": None}
    own, orientation = joint.own[[joint.units.index(unit)]], of.swept.tuned["circle"].orientation
    figures = {
        "natural_selectivity": summary.resultant(own)[1].item(),
        "natural_disagreement": joint.disagreement_of(unit, orientation[list(joint.units)]),
    }
    return files.without_nan(figures)


def features_in_gaps(of_neurons: Coverage, of_features: Found, sae: SAE) -> list[dict[str, Any]]:
    """The curve features whose orientation no curve neuron is near, by how far from the nearest."""
    rows = []
    unit_directions = torch.nn.functional.normalize(sae.directions.cpu(), dim=1)
    for unit, orientation in zip(of_features.curves.units, of_features.curves.orientation.tolist(), strict=True):
        away = summary.apart(of_neurons.orientation, orientation)
        nearest = away.min().item() if len(away) else 180.0
        if nearest < IN_A_GAP:
            continue
        weights = unit_directions[unit]
        largest = weights.abs().topk(min(_LARGEST_NEURONS, len(weights))).indices
        rows.append(
            {
                "feature": unit,
                "orientation": orientation,
                "nearest_curve_neuron": nearest,
                "selectivity": of_features.swept.tuned["circle"].selectivity[unit].item(),
                "neurons": {str(neuron): weights[neuron].item() for neuron in largest.tolist()},
                "cosine_to_nearest_neuron": weights.max().item(),
                "tuning": of_features.swept.responses["circle"].tuning()[unit].tolist(),
            }
        )
    return sorted(rows, key=lambda row: -row["nearest_curve_neuron"])
