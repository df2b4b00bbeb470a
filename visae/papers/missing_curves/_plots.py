"""The figures of a layer's populations, as pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visae.papers.missing_curves._populations import Natural, Population, file_name, spread
from visae.plots import (
    DecomposedTuning,
    PopulationCoverage,
    PopulationTuning,
    TuningComparison,
    plot_coverage,
    plot_decomposed_tuning,
    plot_heatmaps,
    plot_joint_tuning,
    plot_selectivity,
    plot_tuning,
)
from visae.tuning import DEFAULT_CRITERIA

_SHOWN = 10  # units of each population in the maps over radius
_GAPS = 8  # features in gaps that are drawn


def draw_layer(
    of: str,
    found: Mapping[str, Population],
    naturals: Mapping[str, Natural],
    in_gaps: Mapping[str, Sequence[dict[str, Any]]],
    folder: Path,
) -> None:
    """Draw all that the page shows of a layer, whose network and name are `of`.

    in_gaps: by the names of the populations of features, in the order in which they are shown.
    """
    title, shown = f"Curve detectors of {of}", {name: found[name] for name in ("neurons", *in_gaps)}
    plot_tuning([_panel(name, one) for name, one in shown.items()], title, folder / "curves.png")
    envelopes = [
        PopulationCoverage(name, one.curves.envelope.numpy(), one.curves.orientation.numpy())
        for name, one in found.items()
    ]
    plot_coverage(envelopes, 360.0, f"How the curve detectors of {of} cover the circle", folder / "coverage.png")
    responding = {name: one.selectivity.numpy() for name, one in found.items()}
    plot_selectivity(
        responding, DEFAULT_CRITERIA.selectivity, f"Selectivity of the units of {of}", folder / "selectivity.png"
    )
    _draw_radii(title, shown, folder / "radius.png")
    _draw_natural(title, found, naturals, folder / "natural.png")
    for name, rows in in_gaps.items():
        _draw_gaps(
            f"{name} of {of}", found["neurons"], found[name], rows[:_GAPS], folder / f"gaps-{file_name(name)}.png"
        )


def _panel(name: str, of: Population) -> PopulationTuning:
    circle = of.swept.responses["circle"]
    title = f"{len(of.curves.units)} of {len(of.units)} {name}, largest gap {of.curves.largest_gap:.0f}°"
    tuning = circle.tuning()[of.curves.units]
    return PopulationTuning(
        title, name, circle.axes["orientation"].numpy(), tuning.numpy(), of.curves.orientation.numpy()
    )


def _draw_radii(title: str, found: Mapping[str, Population], path: Path) -> None:
    rows = list[dict[str, np.ndarray]]()
    for name, of in found.items():
        units = spread(of.curves.units, _SHOWN)
        responses = of.swept.responses["circle"].values[units].clamp_min(0) / of.deviation[units, None, None]
        rows.append(
            {f"{name.removesuffix('s')} {unit}": values for unit, values in zip(units, responses.numpy(), strict=True)},
        )
    if any(rows):
        radii = found["neurons"].swept.responses["circle"].axes["radius"].numpy()
        plot_heatmaps(rows, radii, "standard deviations over natural images", title, path)


def _draw_natural(title: str, found: Mapping[str, Population], naturals: Mapping[str, Natural], path: Path) -> None:
    populations = []
    for name, natural in naturals.items():
        joint, units, swept = natural.own(), natural.units, found[name].swept
        preferred = swept.tuning["circle"].orientation[units].numpy()
        tuning = swept.responses["circle"].tuning()[units].numpy()
        populations.append(
            TuningComparison(name, joint.own.numpy(), tuning, preferred, joint.orientation_differences().numpy())
        )
    if populations:
        plot_joint_tuning(populations, f"{title}, in natural images", path)


def _draw_gaps(
    of: str, neurons: Population, features: Population, in_gaps: Sequence[dict[str, Any]], path: Path
) -> None:
    if not in_gaps:
        return
    circle = features.swept.responses["circle"]
    of_neurons, of_features = (_to_one(one.swept.responses["circle"].tuning().numpy()) for one in (neurons, features))
    units = [
        DecomposedTuning(
            f"feature {row['feature']}, {row['orientation']:.0f}°",
            circle.axes["orientation"].numpy(),
            of_features[row["feature"]],
            of_neurons[[int(neuron) for neuron in row["neurons"]]],
            [f"neuron {neuron} ({weight:+.2f})" for neuron, weight in row["neurons"].items()],
        )
        for row in in_gaps
    ]
    plot_decomposed_tuning(
        units, f"Curves among the {of} in the neurons' gaps (grey), and the neurons that they write to most", path
    )


def _to_one(tuning: np.ndarray) -> np.ndarray:
    return np.asarray(tuning / np.maximum(tuning.max(1, keepdims=True), np.finfo(np.float32).tiny))
