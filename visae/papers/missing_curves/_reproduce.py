"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662).

The claim: the curve detectors of mixed3b leave gaps in the circle of orientations, and sparse autoencoders trained on
single positions find the missing ones. Here the same measurement is made of neurons, of SAE features, of PCA, ICA and
random directions, and of an SAE trained on uniformly sampled positions, under one set of criteria and over a grid of
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visae._support import files
from visae.activations import Rows, capture_layers
from visae.images import Images
from visae.networks import Network
from visae.papers.missing_curves._measures import (
    disagreement_in_gaps,
    features_in_gaps,
    gaps_over_criteria,
    natural_figures,
    population_figures,
)
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._plots import draw_layer
from visae.papers.missing_curves._populations import (
    Natural,
    Population,
    evenly_spaced,
    file_name,
    in_natural_images,
    measured,
)
from visae.sae import ICA, PCA, SAE, RandomDirections, ReLU
from visae.training import SAESpec, train_many
from visae.training._layer import DICTIONARIES, FEATURES, LEARNED, RELU, Budget, rows_folder

SCHEMA = 3
UNIFORM = "features, uniform sampling"
_ASKED = 12  # features in gaps that natural images are asked about


def missing_curves(
    network: Network, layers: Sequence[str], images: Images, out: Path, budget: Budget
) -> dict[str, Any]:
    """Capture, train, sweep and compare, layer by layer; returns the report.

    Leaves in `out`: `report.json`, `report.md`, and for each layer its figures; `units.safetensors`, every summary of
    every unit; `responses/`, every response of neurons and features to every stimulus; rows and dictionaries. Rows and
    dictionaries that an earlier call finished are not made again.
    """
    policies = {"magnitude": budget.positions, "uniform": replace(budget.positions, policy="uniform")}
    rows = {
        policy: capture_layers(network, {layer: rows_folder(out, layer, policy) for layer in layers}, images, positions)
        for policy, positions in policies.items()
    }
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    some = evenly_spaced(images, budget.images)
    for layer in layers:
        folder = out / layer
        saes = _dictionaries(network, rows["magnitude"][layer], rows["uniform"][layer], folder, budget)
        found = measured(network, layer, saes, some)
        _save(network, layer, found, folder)
        in_gaps = {name: features_in_gaps(found["neurons"].curves, found[name], saes[name]) for name in LEARNED}
        naturals = in_natural_images(found, _chosen(found, in_gaps), some)
        draw_layer(f"{network.name} {layer}", found, naturals, in_gaps, folder)
        report["layers"][layer] = _layer_report(rows["magnitude"][layer], found, naturals, in_gaps, saes)
    files.write_json(out / "report.json", report)
    files.write_bytes(out / "report.md", curves_page(report).encode())
    return report


def _dictionaries(network: Network, magnitude: Rows, uniform: Rows, folder: Path, budget: Budget) -> dict[str, SAE]:
    recipe = budget.recipe(magnitude.dim)
    members = {
        FEATURES: SAESpec(recipe, budget.training.seed),
        "relu": SAESpec(ReLU(l1=budget.l1, width=recipe.width), budget.training.seed),
        "PCA": SAESpec(PCA()),
        "ICA": SAESpec(ICA()),
        "random": SAESpec(RandomDirections(width=recipe.width), budget.training.seed),
    }
    saes = train_many(magnitude, members, folder / DICTIONARIES, budget.training, network.device)
    again = {FEATURES: members[FEATURES]}
    other = train_many(uniform, again, folder / f"{DICTIONARIES}-uniform", budget.training, network.device)
    learned = {FEATURES: saes[FEATURES], RELU: saes["relu"]}
    return {**learned, **{name: saes[name] for name in ("PCA", "ICA", "random")}, UNIFORM: other[FEATURES]}


def _save(network: Network, layer: str, found: Mapping[str, Population], folder: Path) -> None:
    tensors = {
        f"{population}.{name}": values.contiguous()
        for population, of in found.items()
        for name, values in of.tuning_summary.tensors().items()
    }
    header = {"schema": SCHEMA, "network": network.name, "layer": layer}
    files.write_tensors(folder / "units.safetensors", tensors, header)
    for population in ("neurons", *LEARNED):
        for kind, responses in found[population].swept.responses.items():
            responses.save(folder / "responses" / f"{file_name(population)}-{kind}.safetensors")


def _chosen(
    found: Mapping[str, Population], in_gaps: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[int]]:
    """Of each learned population the features that natural images are asked about."""
    return {name: found[name].some_curves([row["feature"] for row in rows[:_ASKED]]) for name, rows in in_gaps.items()}


def _layer_report(
    rows: Rows,
    found: Mapping[str, Population],
    naturals: Mapping[str, Natural],
    in_gaps: Mapping[str, Sequence[dict[str, Any]]],
    saes: Mapping[str, SAE],
) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "saes": {name: _sae_figures(saes[name]) for name in LEARNED},
        "populations": {name: population_figures(of) for name, of in found.items()},
        "natural": {name: natural_figures(natural) for name, natural in naturals.items()},
        "in_gaps": {
            name: [{**row, **disagreement_in_gaps(naturals.get(name), row["feature"])} for row in of]
            for name, of in in_gaps.items()
        },
        "in_gaps_over_grid": {name: gaps_over_criteria(found["neurons"], found[name]) for name in LEARNED},
    }


def _sae_figures(sae: SAE) -> dict[str, Any]:
    return {"kind": sae.config.kind, "width": sae.width, **sae.about["metrics"]}
