"""What is shown of one unit beyond its column in the overview."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae.atlas._coactivation import Neighbour
from visae.atlas._overview import Population
from visae.atlas._site import packed, rounded
from visae.examples import Examples

WRITES = 12  # of a decoder's row, or of the features that write to a neuron


def unit_page(
    of: Population, unit: int, decoder: Float[Tensor, "m d"], drawn: Sequence[float | None]
) -> dict[str, Any]:
    """The data of one unit; see the fields.

    decoder:  the features' directions, of length 1: what a feature adds to each neuron, over its value.
    drawn:    its value under its picture, and its drive under that of its opposite; null for one that was not drawn.
    """
    circle = of.swept.responses["circle"]
    values = circle.values[unit].clamp_min(0)
    tuning = circle.tuning()[unit]
    return {
        "fires_in": int(of.found.fires[unit]),
        "examples": [*_examples(of.found.top, unit, None), *_examples(of.found.samples, unit, of.found.rank[unit])],
        "histogram": _histogram(of, unit),
        "tuning": _bytes(tuning),
        "tuning_peak": rounded(float(tuning.max())),
        "map": _bytes(values),
        "map_peak": rounded(float(values.max())),
        "peaks": rounded(
            [float(peaks[unit]) for peaks in (*(kind.peak for kind in of.swept.tuned.values()), of.colour)]
        ),
        "writes": _writes(decoder[unit] if of.units.sae is not None else decoder[:, unit]),
        "drawn": rounded(list(drawn)),
    }


def neighbours(found: Sequence[Neighbour]) -> list[list[Any]]:
    """As pairs of a unit and a cosine."""
    return [[one.unit, rounded(one.cosine, 3)] for one in found]


def stimuli(of: Population) -> Mapping[str, Any]:
    """What all units were shown."""
    axes = of.swept.responses["circle"].axes
    return {
        "orientations": rounded(axes["orientation"]),
        "radii": rounded(axes["radius"]),
        "kinds": [*of.swept.tuned, "colour"],
    }


def _examples(of: Examples, unit: int, ranks: Float[Tensor, " q"] | None) -> list[list[Any]]:
    """Image, row, column, value, and the rank of one at a quantile."""
    values = of.value[unit].tolist()
    places = of.positions(unit)
    rank = [None] * len(places) if ranks is None else ranks.tolist()
    return [[*place, rounded(value), rounded(at, 2)] for place, value, at in zip(places, values, rank, strict=False)]


def _histogram(of: Population, unit: int) -> dict[str, Any]:
    """Counts from the first bin that has any to the last, and where each begins and the last ends."""
    counts = of.statistics.histogram[unit]
    there = counts.nonzero().flatten().tolist()
    if not there:
        return {"edges": [], "counts": []}
    first, last = there[0], there[-1] + 1
    edges = [of.statistics.edge(place) for place in range(first, last + 1)]
    return {"edges": rounded(edges), "counts": counts[first:last].tolist()}


def _writes(weights: Float[Tensor, " n"]) -> list[list[Any]]:
    order = weights.abs().argsort(descending=True, stable=True)[:WRITES].tolist()
    return [[other, rounded(float(weights[other]), 3)] for other in order if float(weights[other]) != 0]


def _bytes(values: Float[Tensor, "..."]) -> str:
    """As 255ths of the largest."""
    top = max(float(values.max()), 1e-12)
    return packed(torch.round(values / top * 255).to(torch.uint8).numpy())
