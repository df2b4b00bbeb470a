"""Plots of a layer's populations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from visae import plots
from visae.images import pick_evenly
from visae.nulls import spread_text
from visae.papers.missing_curves._dictionaries import PAPER, seed_name
from visae.papers.missing_curves._gaps import counted_first
from visae.papers.missing_curves._layer import MeasuredLayer
from visae.papers.missing_curves._natural_tuning import NaturalTuning
from visae.training._train_layer import MAIN
from visae.tuning import DEFAULT_CRITERIA, MeasuredPopulation

# Beside the nulls; more lines hide each other.
_DRAWN = ("neurons", MAIN, PAPER)
_RADIUS_UNITS = 10  # of each population in the maps over radius
_GAP_FEATURES = 8

Populations = Mapping[str, MeasuredPopulation]
Nulls = Mapping[str, Sequence[MeasuredPopulation]]


def draw_layer(layer: MeasuredLayer, folder: Path) -> None:
    """Draw the plots of a layer into a folder."""
    name, drawn = f"{layer.network.name} {layer.name}", {name: layer.own[name] for name in _DRAWN}
    nulls = {
        null: [layer.populations[seed_name(null, index)] for index in range(len(seeds))]
        for null, seeds in layer.dictionaries.nulls.items()
    }
    title = f"Curve detectors of {name}"
    panels = [_panel(*each) for each in drawn.items()] + [_null_panel(*each) for each in nulls.items()]
    plots.plot_tuning(panels, title, folder / "curves.png")
    _draw_coverage(f"How the curve detectors of {name} cover the circle", drawn, nulls, folder / "coverage.png")
    _draw_selectivity(f"Selectivity of the units of {name}", drawn, nulls, folder / "selectivity.png")
    _draw_radii(title, drawn, folder / "radius.png")
    naturals = {name: layer.naturals[name] for name in _DRAWN if name in layer.naturals}
    _draw_natural(f"{title}, in natural images", layer.own, naturals, folder / "natural.png")
    for kind in _DRAWN[1:]:
        title, rows = f"Curves among the features of {kind}, {name}", counted_first(layer.in_gaps[kind])
        _draw_gaps(title, layer.own["neurons"], layer.own[kind], rows[:_GAP_FEATURES], folder / f"gaps-{kind}.png")


def _label(population: str) -> str:
    return population if population == "neurons" else f"{population} features"


def _panel(name: str, population: MeasuredPopulation) -> plots.PopulationTuning:
    circle, curves = population.battery.responses["circle"], population.curves
    title = f"{name}: {len(curves.units)} of {len(population.units)}, largest gap {curves.largest_gap:.0f}°"
    tuning = circle.tuning()[curves.units].numpy()
    return plots.PopulationTuning(title, name, circle.axes["orientation"].numpy(), tuning, curves.orientation.numpy())


def _null_panel(name: str, seeds: Sequence[MeasuredPopulation]) -> plots.PopulationTuning:
    """Return the first seed's panel, under the figures of all seeds."""
    counts = spread_text([len(seed.curves.units) for seed in seeds])
    gaps = spread_text([seed.curves.largest_gap for seed in seeds])
    title = f"{name}: {counts} of {len(seeds[0].units)},\nlargest gap {gaps}°"
    return replace(_panel(name, seeds[0]), title=title)


def _coverage(name: str, population: MeasuredPopulation) -> plots.PopulationCoverage:
    curves = population.curves
    return plots.PopulationCoverage(name, curves.envelope.numpy(), curves.orientation.numpy())


def _draw_coverage(title: str, populations: Populations, nulls: Nulls, path: Path) -> None:
    lines = [_coverage(*each) for each in populations.items()]
    bands = {name: [_coverage(name, seed) for seed in seeds] for name, seeds in nulls.items()}
    plots.plot_coverage(lines, 360.0, title, path, bands)


def _draw_selectivity(title: str, populations: Populations, nulls: Nulls, path: Path) -> None:
    values = {name: population.selectivity.numpy() for name, population in populations.items()}
    values |= {
        f"{name} ({len(seeds)} seeds)": np.concatenate([seed.selectivity.numpy() for seed in seeds])
        for name, seeds in nulls.items()
    }
    plots.plot_selectivity(values, DEFAULT_CRITERIA.selectivity, title, path)


def _draw_radii(title: str, populations: Populations, path: Path) -> None:
    groups = list[dict[str, np.ndarray]]()
    for name, population in populations.items():
        units = pick_evenly(population.curves.units, _RADIUS_UNITS)
        responses = population.battery.responses["circle"].values[units].clamp_min(0)
        maps = (responses / population.deviation[units, None, None]).numpy()
        groups.append(
            {f"{_label(name).removesuffix('s')} {unit}": each for unit, each in zip(units, maps, strict=True)}
        )
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
        compared.append(plots.TuningComparison(_label(name), joint.own.numpy(), tuning, preferred, differences))
    if compared:
        plots.plot_joint_tuning(compared, title, path)


def _draw_gaps(
    title: str, neurons: MeasuredPopulation, features: MeasuredPopulation, rows: Sequence[Mapping[str, Any]], path: Path
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
    title = f"{title}, in the neurons' gaps (grey), and the neurons that they write to most"
    plots.plot_decomposed_tuning(units, title, path)


def _peak_normalised(population: MeasuredPopulation) -> np.ndarray:
    tuning = population.battery.responses["circle"].tuning().numpy()
    return np.asarray(tuning / np.maximum(tuning.max(1, keepdims=True), np.finfo(np.float32).tiny))
