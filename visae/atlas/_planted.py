"""Which planted feature each unit is, of a network whose truth is known."""

from collections.abc import Sequence
from typing import Any

from visae.atlas._site import rounded
from visae.metrics import match
from visae.networks.planted import Truth
from visae.units import Units


def planted_columns(populations: Sequence[Units]) -> dict[str, list[Any]]:
    """For every unit the name of the planted feature that it is matched to, and their cosine; null without one.

    The match is that of `visae.metrics._recovery`: one to one in each population, with the largest sum of cosines. No
    columns where nothing is planted in the layer.
    """
    layer, truth = populations[0].layer.name, populations[0].network.truth
    if truth is None or truth.layer != layer:
        return {}
    pairs = [pair for units in populations for pair in _partners(units, truth)]
    return {"planted": [name for name, _ in pairs], "planted_cosine": rounded([cosine for _, cosine in pairs])}


def _partners(units: Units, truth: Truth) -> list[tuple[str | None, float | None]]:
    found: list[tuple[str | None, float | None]] = [(None, None)] * len(units)
    block = 1 if units.sae is None else units.sae.block_size
    matched = match(truth.directions.cpu(), units.directions.cpu(), block)
    for planted, unit, cosine in zip(*(of.tolist() for of in matched), strict=True):
        found[unit] = (truth.features[planted].name, cosine)
    return found
