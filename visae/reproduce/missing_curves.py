"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662).

The claim: the curve detectors of mixed3b leave gaps in the circle of orientations, and sparse autoencoders trained on
single positions find the missing ones. Here the same measurement is made of neurons, of SAE features, of PCA, ICA and
random directions, and of an SAE trained on uniformly sampled positions, under one set of criteria and over a grid of
them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visae import files
from visae.activations import Rows, capture_layers
from visae.images import Images
from visae.reproduce.budget import DICTIONARIES, FEATURES, Budget, rows_folder
from visae.reproduce.drawings import draw_layer
from visae.reproduce.figures import features_in_gaps, joint_figures, population_figures
from visae.reproduce.pages import curves_page
from visae.reproduce.populations import Found, measured
from visae.sae import ICA, PCA, SAE, RandomDirections
from visae.training import Member, train_many
from visae.zoo import Network

SCHEMA = 2
UNIFORM = "features, uniform sampling"


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
    for layer in layers:
        folder = out / layer
        saes = _dictionaries(network, rows["magnitude"][layer], rows["uniform"][layer], folder, budget)
        found = measured(network, layer, saes, images, budget.images)
        _save(network, layer, found, folder)
        report["layers"][layer] = _layer_report(rows["magnitude"][layer], found, saes)
        draw_layer(f"{network.name} {layer}", found, report["layers"][layer]["in_gaps"], folder)
    files.write_json(out / "report.json", report)
    files.write_bytes(out / "report.md", curves_page(report).encode())
    return report


def _dictionaries(network: Network, magnitude: Rows, uniform: Rows, folder: Path, budget: Budget) -> dict[str, SAE]:
    recipe = budget.recipe(magnitude.dim)
    members = {
        FEATURES: Member(recipe, budget.training.seed),
        "PCA": Member(PCA()),
        "ICA": Member(ICA()),
        "random": Member(RandomDirections(width=recipe.width), budget.training.seed),
    }
    saes = train_many(magnitude, members, folder / DICTIONARIES, budget.training, network.device)
    again = {FEATURES: members[FEATURES]}
    other = train_many(uniform, again, folder / f"{DICTIONARIES}-uniform", budget.training, network.device)
    return {**saes, UNIFORM: other[FEATURES]}


def _save(network: Network, layer: str, found: Sequence[Found], folder: Path) -> None:
    tensors = {
        f"{of.name}.{name}": values.contiguous() for of in found for name, values in of.portrait.tensors().items()
    }
    header = {"schema": SCHEMA, "network": network.name, "layer": layer}
    files.write_tensors(folder / "units.safetensors", tensors, header)
    for of in found[:2]:
        for kind, responses in of.swept.responses.items():
            responses.save(folder / "responses" / f"{of.name}-{kind}.safetensors")


def _layer_report(rows: Rows, found: Sequence[Found], saes: dict[str, SAE]) -> dict[str, Any]:
    sae = saes[FEATURES]
    return {
        "rows": len(rows),
        "sae": {"kind": sae.recipe.kind, "width": sae.width, **sae.about["figures"]},
        "populations": {of.name: population_figures(of) for of in found},
        "natural": {of.name: joint_figures(of.joint, of) for of in found[:2] if of.joint is not None},
        "in_gaps": features_in_gaps(found[0].curves, found[1], sae),
    }
