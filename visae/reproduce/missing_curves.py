"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662).

The claim: the curve detectors of mixed3b leave gaps in the circle of orientations, and sparse autoencoders trained on
single positions find the missing ones. Here the same measurement is made of neurons, of SAE features, of PCA, ICA and
random directions, and of an SAE trained on uniformly sampled positions, under one set of criteria and over a grid of
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae import files
from visae.activations import Positions, Rows, capture_layers
from visae.images import Images, Subset, batches
from visae.reproduce.pages import curves_page
from visae.sae import ICA, PCA, SAE, RandomDirections, Recipe
from visae.training import Member, Training, train_many
from visae.tuning import Battery, Coverage, battery, coverage, families, natural_deviation, over_criteria, summary
from visae.tuning.plots import Panel, draw, draw_coverage, draw_heatmaps
from visae.tuning.plots.coverage import Envelope
from visae.units import Units, features, neurons
from visae.zoo import Network

SCHEMA = 1
# A feature lies in a gap if no curve neuron's orientation is as near: half of the paper's neighbours' usual spacing.
IN_A_GAP = 15.0  # degrees
_LARGEST_NEURONS = 3
_SHOWN = 10  # features in gaps that are drawn
_BINS = 20  # of the distribution of selectivity
_IMAGES_A_BATCH = 16
UNIFORM = "features, uniform sampling"


@dataclass(frozen=True)
class Budget:
    """How much is spent on a layer.

    recipe:    the SAE; its width is `expansion` times the layer's channels.
    images:    on which the standard deviations of units are measured, at most.
    """

    recipe: Recipe
    training: Training
    positions: Positions
    expansion: int = 8
    images: int = 256


@dataclass(frozen=True, eq=False)
class Found:
    """One population of one layer: its units, what the sweeps say of them, and the curve detectors among them."""

    name: str
    units: Units
    swept: Battery
    deviation: Float[Tensor, " u"]
    curves: Coverage


def missing_curves(
    network: Network, layers: Sequence[str], images: Images, out: Path, budget: Budget
) -> dict[str, Any]:
    """Capture, train, sweep and compare, layer by layer; returns the report.

    Leaves `report.json`, `report.md`, and for each layer its figures, rows and dictionaries in `out`; rows and
    dictionaries that an earlier call finished are not made again.
    """
    policies = {"magnitude": budget.positions, "uniform": replace(budget.positions, policy="uniform")}
    rows = {
        policy: capture_layers(network, {layer: out / layer / f"rows-{policy}" for layer in layers}, images, positions)
        for policy, positions in policies.items()
    }
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    for layer in layers:
        folder = out / layer
        saes = _dictionaries(network, rows["magnitude"][layer], rows["uniform"][layer], folder, budget)
        found = _populations(network, layer, saes, images, budget)
        _draw(network, layer, found, folder)
        report["layers"][layer] = _layer_report(rows["magnitude"][layer], found, saes)
    files.write_json(out / "report.json", report)
    files.write_bytes(out / "report.md", curves_page(report).encode())
    return report


def _dictionaries(network: Network, magnitude: Rows, uniform: Rows, folder: Path, budget: Budget) -> dict[str, SAE]:
    width = budget.expansion * magnitude.dim
    recipe = replace(budget.recipe, width=width)  # type: ignore[type-var]
    members = {
        "features": Member(recipe, budget.training.seed),
        "PCA": Member(PCA()),
        "ICA": Member(ICA()),
        "random": Member(RandomDirections(width=width), budget.training.seed),
    }
    saes = train_many(magnitude, members, folder / "dictionaries", budget.training, network.device)
    again = {"features": members["features"]}
    other = train_many(uniform, again, folder / "dictionaries-uniform", budget.training, network.device)
    return {**saes, UNIFORM: other["features"]}


def _populations(network: Network, layer: str, saes: dict[str, SAE], images: Images, budget: Budget) -> list[Found]:
    units = {"neurons": neurons(network, layer)}
    units |= {name: features(network, layer, sae) for name, sae in saes.items()}
    some = Subset(images, range(min(budget.images, len(images))))
    pixels = (batch.pixels.float() / 255 for batch in batches(some, _IMAGES_A_BATCH))
    deviations = natural_deviation(list(units.values()), pixels)
    swept = battery(list(units.values()))
    found = []
    for (name, of), deviation, responses in zip(units.items(), deviations, swept, strict=True):
        members = families(responses).members["curve"]
        found.append(Found(name, of, responses, deviation, coverage(responses, "curve", members, deviation)))
    return found


def _layer_report(rows: Rows, found: Sequence[Found], saes: dict[str, SAE]) -> dict[str, Any]:
    sae = saes["features"]
    return {
        "rows": len(rows),
        "sae": {"kind": sae.recipe.kind, "width": sae.width, **sae.about["figures"]},
        "populations": {of.name: _figures(of) for of in found},
        "in_gaps": _in_gaps(found[0].curves, found[1], sae),
    }


def _figures(of: Found) -> dict[str, Any]:
    members = families(of.swept).members
    circle = of.swept.tuned["circle"]
    responding = circle.selectivity[circle.peak > 0]
    figures = {
        "units": len(of.units),
        "curve_units": len(of.curves.units),
        "largest_gap": of.curves.largest_gap,
        "coverage": of.curves.ratio,
        "orientations": of.curves.orientation.tolist(),
        "families": {family: int(which.sum()) for family, which in members.items()},
        "selectivity_histogram": torch.histc(responding, _BINS, 0, 1).int().tolist(),
        "grid": [files.without_nan(row) for row in over_criteria(of.swept, of.deviation)],
    }
    return files.without_nan(figures)


def _in_gaps(of_neurons: Coverage, of_features: Found, sae: SAE) -> list[dict[str, Any]]:
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


def _draw(network: Network, layer: str, found: Sequence[Found], folder: Path) -> None:
    title = f"Curve detectors of {network.name} {layer}"
    draw(title, [_panel(of) for of in found[:2]], folder / "curves.png")
    envelopes = [Envelope(of.name, of.curves.envelope.numpy(), of.curves.orientation.numpy()) for of in found]
    draw_coverage(f"How {layer}'s curve detectors cover the circle", envelopes, 360.0, folder / "coverage.png")
    for of in found[:2]:
        units = of.curves.units[:: max(len(of.curves.units) // _SHOWN, 1)][:_SHOWN]
        if units:
            circle = of.swept.responses["circle"]
            maps = circle.values[units].clamp_min(0) / of.deviation[units, None, None]
            names = [f"{of.name[:-1]} {unit}" for unit in units]
            words = "standard deviations over natural images"
            path = folder / f"radius-{of.name}.png"
            draw_heatmaps(f"{title}: {of.name}", names, maps.numpy(), circle.axes["radius"].numpy(), words, path)


def _panel(of: Found) -> Panel:
    circle = of.swept.responses["circle"]
    title = f"{len(of.curves.units)} of {len(of.units)} {of.name}, largest gap {of.curves.largest_gap:.0f}°"
    tuning = circle.tuning()[of.curves.units]
    return Panel(title, of.name, circle.axes["orientation"].numpy(), tuning.numpy(), of.curves.orientation.numpy())
