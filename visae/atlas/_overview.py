"""The index that the page loads first (data/atlas.js): a column for each metric of all units, neurons first."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from visae.atlas._layout import layout
from visae.atlas._measurements import FAMILIES, UnitMeasurements
from visae.atlas._site import rounded
from visae.atlas._visualisations import Visualisations
from visae.images import Images
from visae.metrics import match
from visae.metrics._recovery import MATCHED
from visae.networks.planted import Truth
from visae.tuning import GAP_DISTANCE, in_gap, is_responsive, tuning_summary
from visae.units import Units

DENSE = 0.1  # minimum density at which a unit counts as dense


def overview(
    populations: Sequence[UnitMeasurements], images: Images, visualisations: Visualisations, seed: int
) -> dict[str, Any]:
    """Return what the page needs to know about all units before any is opened."""
    neurons, features = populations
    layer = neurons.units.layer
    points = layout(features.units.directions.cpu(), seed)
    return {
        "layer": {
            "name": layer.name,
            "receptive_field": layer.receptive_field,
            "stride": layer.stride,
            "offset": layer.offset,
            "side": neurons.units.network.map_shapes([layer.name], images.size)[layer.name][1],
        },
        "counts": [len(neurons.units), len(features.units)],
        "rendered": visualisations.available,
        "families": FAMILIES,
        "dense": DENSE,
        "recovered": MATCHED,
        "columns": columns(populations, points, visualisations.responses(len(neurons.units), len(features.units))),
        "circle": circle(populations),
        "stimuli": _stimuli(neurons),
        "positions": neurons.statistics.positions,
    }


def columns(
    populations: Sequence[UnitMeasurements],
    points: Float[np.ndarray, "m 2"],
    responses: Sequence[float | None],
) -> dict[str, Any]:
    """Return the metrics of all units by name; null where one is undefined.

    Tuning metrics are null for units that barely respond to circles, orientation and width for units without a
    preferred orientation.

    points:    the features' positions on the map.
    responses: the value of every unit on its own visualisation; None where it has none.
    """
    values: dict[str, list[Any]] = {}
    for population in populations:
        for name, metric in _metrics(population).items():
            values.setdefault(name, []).extend(rounded(metric))
    values |= planted_columns([population.units for population in populations])
    if any(response is not None for response in responses):
        values["rendered"] = rounded(_relative_to_peak(populations, responses))
    values["family"] = [FAMILIES.index(name) for population in populations for name in population.family]
    neurons = len(values["family"]) - len(points)
    for axis, name in enumerate(("x", "y")):
        values[name] = [None] * neurons + rounded(points[:, axis])
    return values


def _metrics(population: UnitMeasurements) -> Mapping[str, Tensor]:
    summary, tuned = tuning_summary(population.battery), population.battery.tuning
    responds, oriented = population.responds_to_circles, population.is_oriented
    return {
        "density": population.statistics.density,
        "peak": population.peak,
        "share": population.statistics.variance_share,
        "norm": population.units.directions.norm(dim=1),
        # Rounded to four digits, so that 359.99 becomes 0.
        "orientation": (tuned["circle"].orientation.round(decimals=1) % 360).where(oriented, torch.nan),
        "selectivity": summary.selectivity.round(decimals=6).where(responds, torch.nan),
        "echo": summary.echo.where(responds, torch.nan),
        "width": summary.width.where(oriented, torch.nan),
        "radius": summary.radius.where(responds, torch.nan),
        "line_or_curve": summary.line_or_curve.where(responds | is_responsive(tuned["line"]), torch.nan),
    }


def _relative_to_peak(
    populations: Sequence[UnitMeasurements], responses: Sequence[float | None]
) -> Float[Tensor, " u"]:
    """Return responses divided by the units' largest values in the images; nan for units that never fire."""
    peak = torch.cat([population.peak for population in populations])
    values = torch.tensor([math.nan if response is None else response for response in responses])
    return values / peak.where(peak > 0, torch.nan)


def planted_columns(populations: Sequence[Units]) -> dict[str, list[Any]]:
    """Return the name of the planted feature matched to each unit, and their cosine; null without a match.

    Matches are one to one in each population, with the largest sum of cosines (`visae.metrics.match`). Empty if nothing
    is planted in the layer.
    """
    layer, truth = populations[0].layer.name, populations[0].network.truth
    if truth is None or truth.layer != layer:
        return {}
    matches = [matched for units in populations for matched in _planted_matches(units, truth)]
    return {"planted": [name for name, _ in matches], "planted_cosine": rounded([cosine for _, cosine in matches])}


def _planted_matches(units: Units, truth: Truth) -> list[tuple[str | None, float | None]]:
    matches: list[tuple[str | None, float | None]] = [(None, None)] * len(units)
    block = 1 if units.sae is None else units.sae.block_size
    planted, matched, cosines = match(truth.directions.cpu(), units.directions.cpu(), block)
    for feature, unit, cosine in zip(planted.tolist(), matched.tolist(), cosines.tolist(), strict=True):
        matches[unit] = (truth.features[feature].name, cosine)
    return matches


def circle(populations: Sequence[UnitMeasurements]) -> dict[str, Any]:
    """Return the curve detectors of each population and how many features lie in gaps between the neurons.

    by_circular_mean: the count and the largest gap that `visae curves` reports.
    """
    members, orientations = [], []
    for population in populations:
        curves = torch.tensor([unit for unit, name in enumerate(population.family) if name == "curve"]).long()
        members.append(curves.tolist())
        orientations.append(population.battery.tuning["circle"].orientation[curves])
    neurons, features = orientations
    return {
        "members": members,
        "in_gaps": int(in_gap(features, neurons).sum()),
        "gap": GAP_DISTANCE,
        "by_circular_mean": [
            [population.curves.count, rounded(population.curves.max_gap)] for population in populations
        ],
    }


def _stimuli(population: UnitMeasurements) -> Mapping[str, Any]:
    """Return the axes and kinds of the stimuli used to test all units."""
    axes = population.battery.responses["circle"].axes
    return {
        "orientations": rounded(axes["orientation"]),
        "radii": rounded(axes["radius"]),
        "kinds": [*population.battery.tuning, "colour"],
    }
