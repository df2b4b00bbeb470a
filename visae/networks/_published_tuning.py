"""Measurements of a network that others have published, kept in its card to be compared with."""

from dataclasses import dataclass
from typing import Any

from visae._support.errors import VisaeError, unknown


@dataclass(frozen=True)
class PublishedTuning:
    """Orientation tuning of some neurons of a layer, evenly sampled over 360 degrees from 0.

    neurons: by channel, activations after the ReLU averaged over radii.
    origin, licence: whose they are.
    """

    layer: str
    neurons: dict[int, tuple[float, ...]]
    origin: str
    licence: str


def published_tuning(table: dict[str, Any]) -> PublishedTuning:
    """From the table `tuning` of a card; raises `VisaeError` for a missing, unknown or misshapen key, naming it."""
    for name in ("layer", "origin", "licence"):
        if not isinstance(table.get(name), str):
            raise VisaeError(f"'tuning.{name}' is {table.get(name)!r}, expected a text")
    for name in table:
        if name not in ("layer", "origin", "licence", "neurons"):
            raise unknown("key of a card's tuning", name, ("layer", "origin", "licence", "neurons"))
    neurons = table.get("neurons")
    if not isinstance(neurons, dict) or not neurons:
        raise VisaeError(f"'tuning.neurons' is {neurons!r}, expected a table of samples by channel")
    samples = {_channel(name): _samples(name, values) for name, values in neurons.items()}
    if len({len(values) for values in samples.values()}) > 1:
        raise VisaeError("the neurons of 'tuning' have different numbers of samples; give all as many")
    return PublishedTuning(table["layer"], samples, table["origin"], table["licence"])


def _channel(name: str) -> int:
    if not name.isdecimal():
        raise VisaeError(f"'tuning.neurons' has the key {name!r}, expected the number of a channel")
    return int(name)


def _samples(name: str, values: Any) -> tuple[float, ...]:
    numbers = isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
    if not numbers or len(values) < 8:
        raise VisaeError(f"'tuning.neurons.{name}' is {values!r}, expected a list of 8 numbers or more")
    return tuple(float(value) for value in values)
