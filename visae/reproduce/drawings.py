"""The figures of a layer's populations, as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visae.reproduce.populations import Found, spread
from visae.tuning.families import USUAL
from visae.tuning.plots import (
    Composed,
    Envelope,
    Panel,
    Twice,
    draw,
    draw_composed,
    draw_coverage,
    draw_heatmaps,
    draw_natural,
    draw_selectivity,
)

_SHOWN = 10  # units of each population in the maps over radius
_GAPS = 8  # features in gaps that are drawn


def draw_layer(of: str, found: Sequence[Found], in_gaps: Sequence[dict[str, Any]], folder: Path) -> None:
    """Draw all that the page shows of a layer, whose network and name are `of`; the neurons stand first in `found`."""
    title, (neurons, features) = f"Curve detectors of {of}", found[:2]
    draw(title, [_panel(neurons), _panel(features)], folder / "curves.png")
    envelopes = [Envelope(one.name, one.curves.envelope.numpy(), one.curves.orientation.numpy()) for one in found]
    draw_coverage(f"How the curve detectors of {of} cover the circle", envelopes, 360.0, folder / "coverage.png")
    responding = {one.name: _selectivity(one) for one in found}
    draw_selectivity(f"Selectivity of the units of {of}", responding, USUAL.selectivity, folder / "selectivity.png")
    _draw_radii(title, [neurons, features], folder / "radius.png")
    _draw_natural(title, [neurons, features], folder / "natural.png")
    _draw_gaps(f"Curve features of {of} in the neurons' gaps", neurons, features, in_gaps[:_GAPS], folder / "gaps.png")


def _panel(of: Found) -> Panel:
    circle = of.swept.responses["circle"]
    title = f"{len(of.curves.units)} of {len(of.units)} {of.name}, largest gap {of.curves.largest_gap:.0f}°"
    tuning = circle.tuning()[of.curves.units]
    return Panel(title, of.name, circle.axes["orientation"].numpy(), tuning.numpy(), of.curves.orientation.numpy())


def _selectivity(of: Found) -> np.ndarray:
    circle = of.swept.tuned["circle"]
    return circle.selectivity[circle.peak > 0].numpy()


def _draw_radii(title: str, found: Sequence[Found], path: Path) -> None:
    names, maps = list[str](), list[np.ndarray]()
    for of in found:
        units = spread(of.curves.units, _SHOWN)
        responses = of.swept.responses["circle"].values[units].clamp_min(0) / of.deviation[units, None, None]
        names += [f"{of.name[:-1]} {unit}" for unit in units]
        maps += list(responses.numpy())
    if not maps:
        return
    radii = found[0].swept.responses["circle"].axes["radius"].numpy()
    words = "standard deviations over natural images"
    draw_heatmaps(title, names, np.stack(maps), radii, words, path)


def _draw_natural(title: str, found: Sequence[Found], path: Path) -> None:
    populations = []
    for of in found:
        if (joint := of.joint) is None:
            continue
        units, circle = list(joint.units), of.swept.responses["circle"]
        preferred = of.swept.tuned["circle"].orientation[units].numpy()
        apart = joint.apart().numpy()
        populations.append(Twice(of.name, joint.own.numpy(), circle.tuning()[units].numpy(), preferred, apart))
    if populations:
        draw_natural(f"{title}, in natural images", populations, path)


def _draw_gaps(title: str, neurons: Found, features: Found, in_gaps: Sequence[dict[str, Any]], path: Path) -> None:
    if not in_gaps:
        return
    circle = neurons.swept.responses["circle"]
    of_neurons, of_features = (_to_one(one.swept.responses["circle"].tuning().numpy()) for one in (neurons, features))
    units = [
        Composed(
            f"feature {row['feature']}, {row['orientation']:.0f}°",
            circle.axes["orientation"].numpy(),
            of_features[row["feature"]],
            of_neurons[[int(neuron) for neuron in row["neurons"]]],
            [f"neuron {neuron} ({weight:+.2f})" for neuron, weight in row["neurons"].items()],
        )
        for row in in_gaps
    ]
    draw_composed(title, units, path)


def _to_one(tuning: np.ndarray) -> np.ndarray:
    return np.asarray(tuning / np.maximum(tuning.max(1, keepdims=True), np.finfo(np.float32).tiny))
