"""Plots of a layer's populations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visae import plots
from visae.images import pick_evenly
from visae.papers.missing_curves._populations import NaturalTuning, file_name
from visae.tuning import DEFAULT_CRITERIA, MeasuredPopulation

_RADIUS_UNITS = 10  # of each population in the maps over radius
_GAP_FEATURES = 8

Populations = Mapping[str, MeasuredPopulation]


def draw_layer(
    layer: str,
    populations: Populations,
    naturals: Mapping[str, NaturalTuning],
    in_gaps: Mapping[str, Sequence[dict[str, Any]]],
    folder: Path,
) -> None:
    """Draw the plots of a layer into a folder.

    layer:   name of the network and the layer, for titles.
    in_gaps: features in the neurons' gaps by population, in the order in which they are drawn.
    """
    title, drawn = f"Curve detectors of {layer}", {name: populations[name] for name in ("neurons", *in_gaps)}
    plots.plot_tuning([_panel(name, population) for name, population in drawn.items()], title, folder / "curves.png")
    _draw_coverage(f"How the curve detectors of {layer} cover the circle", populations, folder / "coverage.png")
    selectivities = {name: population.selectivity.numpy() for name, population in populations.items()}
    threshold, path = DEFAULT_CRITERIA.selectivity, folder / "selectivity.png"
    plots.plot_selectivity(selectivities, threshold, f"Selectivity of the units of {layer}", path)
    _draw_radii(title, drawn, folder / "radius.png")
    _draw_natural(f"{title}, in natural images", populations, naturals, folder / "natural.png")
    for name, rows in in_gaps.items():
        title, path = f"Curves among the {name} of {layer}", folder / f"gaps-{file_name(name)}.png"
        _draw_gaps(title, populations["neurons"], populations[name], rows[:_GAP_FEATURES], path)


def _panel(name: str, population: MeasuredPopulation) -> plots.PopulationTuning:
    circle, curves = population.battery.responses["circle"], population.curves
    title = f"{len(curves.units)} of {len(population.units)} {name}, largest gap {curves.largest_gap:.0f}°"
    tuning = circle.tuning()[curves.units].numpy()
    return plots.PopulationTuning(title, name, circle.axes["orientation"].numpy(), tuning, curves.orientation.numpy())


def _draw_coverage(title: str, populations: Populations, path: Path) -> None:
    curves = {name: population.curves for name, population in populations.items()}
    lines = [(name, each.envelope.numpy(), each.orientation.numpy()) for name, each in curves.items()]
    plots.plot_coverage([plots.PopulationCoverage(*line) for line in lines], 360.0, title, path)


def _draw_radii(title: str, populations: Populations, path: Path) -> None:
    groups = list[dict[str, np.ndarray]]()
    for name, population in populations.items():
        units = pick_evenly(population.curves.units, _RADIUS_UNITS)
        responses = population.battery.responses["circle"].values[units].clamp_min(0)
        maps = (responses / population.deviation[units, None, None]).numpy()
        groups.append({f"{name.removesuffix('s')} {unit}": each for unit, each in zip(units, maps, strict=True)})
    if any(groups):
        radii = populations["neurons"].battery.responses["circle"].axes["radius"].numpy()
        plots.plot_heatmaps(groups, radii, "standard deviations over natural images", title, path)


def _draw_natural(title: str, populations: Populations, naturals: Mapping[str, NaturalTuning], path: Path) -> None:
    compared = []
    for name, natural in naturals.items():
        joint, units, battery = natural.own(), natural.units, populations[name].battery
        preferred = battery.tuning["circle"].orientation[units].numpy()
        tuning = battery.responses["circle"].tuning()[units].numpy()
        differences = joint.orientation_differences().numpy()
        compared.append(plots.TuningComparison(name, joint.own.numpy(), tuning, preferred, differences))
    if compared:
        plots.plot_joint_tuning(compared, title, path)


def _draw_gaps(
    title: str, neurons: MeasuredPopulation, features: MeasuredPopulation, rows: Sequence[dict[str, Any]], path: Path
) -> None:
    if not rows:
        return
    neuron_tuning, feature_tuning = _peak_normalised(neurons), _peak_normalised(features)
    units = [
        plots.DecomposedTuning(
            f"feature {row['feature']}, {row['orientation']:.0f}°",
            features.battery.responses["circle"].axes["orientation"].numpy(),
            feature_tuning[row["feature"]],
            neuron_tuning[[int(neuron) for neuron in row["neurons"]]],
            [f"neuron {neuron} ({weight:+.2f})" for neuron, weight in row["neurons"].items()],
        )
        for row in rows
    ]
    title = f"{title} in the neurons' gaps (grey), and the neurons that they write to most"
    plots.plot_decomposed_tuning(units, title, path)


def _peak_normalised(population: MeasuredPopulation) -> np.ndarray:
    tuning = population.battery.responses["circle"].tuning().numpy()
    return np.asarray(tuning / np.maximum(tuning.max(1, keepdims=True), np.finfo(np.float32).tiny))
