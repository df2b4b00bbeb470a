"""The data of one unit's page: everything beyond its column in the overview."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae.atlas._coactivation import Neighbour
from visae.atlas._measurements import UnitMeasurements
from visae.atlas._site import packed, rounded
from visae.examples import Examples

WEIGHTS = 12  # the largest weights of a feature on neurons, or of features on a neuron


def unit_page(
    population: UnitMeasurements,
    unit: int,
    decoder: Float[Tensor, "m d"],
    responses: Sequence[float | None],
    similar: Sequence[Neighbour],
    coactive: Sequence[Neighbour],
) -> dict[str, Any]:
    """Return the data of one unit.

    decoder:    the features' normalised directions: what a feature adds to each neuron per unit of its value.
    responses:  the unit's value on its own visualisation, and its pre-activation on the opposite one; None where there
                is no such visualisation.
    similar:    units with similar directions;  coactive: units that fire at the same positions.
    """
    circle = population.battery.responses["circle"]
    values = circle.values[unit].clamp_min(0)
    tuning = circle.tuning()[unit]
    peaks = [*(tuned.peak for tuned in population.battery.tuning.values()), population.colour_peak]
    return {
        "fires_in": int(population.examples.fires[unit]),
        "examples": _examples(population, unit),
        "histogram": _histogram(population, unit),
        "tuning": _normalised(tuning),
        "tuning_peak": rounded(float(tuning.max())),
        "map": _normalised(values),
        "map_peak": rounded(float(values.max())),
        "peaks": rounded([float(peak[unit]) for peak in peaks]),
        "weights": _largest_weights(decoder[unit] if population.units.sae is not None else decoder[:, unit]),
        "rendered": rounded(list(responses)),
        "similar": _pairs(similar),
        "coactive": _pairs(coactive),
    }


def _pairs(neighbours: Sequence[Neighbour]) -> list[list[Any]]:
    return [[neighbour.unit, rounded(neighbour.cosine, 3)] for neighbour in neighbours]


def _examples(population: UnitMeasurements, unit: int) -> list[list[Any]]:
    """Return image, row, column, value and quantile of each example; the quantile is None for the strongest."""
    top, samples = population.examples.top, population.examples.samples
    strongest = [[*position, rounded(value), None] for position, value in _positions(top, unit)]
    quantiles = population.examples.rank[unit].tolist()
    sampled = zip(_positions(samples, unit), quantiles, strict=False)
    return strongest + [[*position, rounded(value), rounded(quantile, 2)] for (position, value), quantile in sampled]


def _positions(examples: Examples, unit: int) -> list[tuple[tuple[int, int, int], float]]:
    """Return (image, row, column) and the value of each example that a unit has."""
    return list(zip(examples.positions(unit), examples.value[unit].tolist(), strict=False))


def _histogram(population: UnitMeasurements, unit: int) -> dict[str, Any]:
    """Return the counts from the first bin in use to the last, and the edges of these bins."""
    counts = population.statistics.histogram[unit]
    used = counts.nonzero().flatten().tolist()
    if not used:
        return {"edges": [], "counts": []}
    first, end = used[0], used[-1] + 1
    edges = [population.statistics.bin_edge(index) for index in range(first, end + 1)]
    return {"edges": rounded(edges), "counts": counts[first:end].tolist()}


def _largest_weights(weights: Float[Tensor, " n"]) -> list[list[Any]]:
    """Return the units of the other population with the largest weights, and the weights; zeros are left out."""
    order = weights.abs().argsort(descending=True, stable=True)[:WEIGHTS].tolist()
    return [[unit, rounded(float(weights[unit]), 3)] for unit in order if float(weights[unit]) != 0]


def _normalised(values: Float[Tensor, "..."]) -> str:
    """Encode as bytes, with the largest value as 255."""
    largest = max(float(values.max()), 1e-12)
    return packed(torch.round(values / largest * 255).to(torch.uint8).numpy())
