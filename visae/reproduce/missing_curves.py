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

from visae import files
from visae.activations import Rows, capture_layers
from visae.images import Images
from visae.reproduce.budget import DICTIONARIES, FEATURES, Budget, rows_folder
from visae.reproduce.drawings import draw_layer
from visae.reproduce.figures import features_in_gaps, joint_figures, natural_figures, population_figures
from visae.reproduce.pages import curves_page
from visae.reproduce.populations import Found, joint_tunings, measured, some_of
from visae.sae import ICA, PCA, SAE, RandomDirections
from visae.training import Member, train_many
from visae.tuning import Joint
from visae.zoo import Network

SCHEMA = 2
UNIFORM = "features, uniform sampling"
_CONFIRMED = 12  # features in gaps that natural images are asked about


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
    some = some_of(images, budget.images)
    for layer in layers:
        folder = out / layer
        saes = _dictionaries(network, rows["magnitude"][layer], rows["uniform"][layer], folder, budget)
        found = measured(network, layer, saes, some)
        _save(network, layer, found, folder)
        in_gaps = features_in_gaps(found["neurons"].curves, found[FEATURES], saes[FEATURES])
        joints = _in_natural_images(found, in_gaps, some)
        draw_layer(f"{network.name} {layer}", found, joints, in_gaps, folder)
        report["layers"][layer] = _layer_report(rows["magnitude"][layer], found, joints, in_gaps, saes[FEATURES])
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


def _save(network: Network, layer: str, found: Mapping[str, Found], folder: Path) -> None:
    tensors = {
        f"{population}.{name}": values.contiguous()
        for population, of in found.items()
        for name, values in of.portrait.tensors().items()
    }
    header = {"schema": SCHEMA, "network": network.name, "layer": layer}
    files.write_tensors(folder / "units.safetensors", tensors, header)
    for population in ("neurons", FEATURES):
        for kind, responses in found[population].swept.responses.items():
            responses.save(folder / "responses" / f"{population}-{kind}.safetensors")


def _in_natural_images(
    found: Mapping[str, Found], in_gaps: Sequence[Mapping[str, Any]], images: Images
) -> dict[str, Joint]:
    chosen = {
        "neurons": found["neurons"].some_curves(),
        FEATURES: found[FEATURES].some_curves([row["feature"] for row in in_gaps[:_CONFIRMED]]),
    }
    return joint_tunings({name: found[name] for name in chosen}, chosen, images)


def _layer_report(
    rows: Rows, found: Mapping[str, Found], joints: Mapping[str, Joint], in_gaps: Sequence[dict[str, Any]], sae: SAE
) -> dict[str, Any]:
    by_circles = found[FEATURES].swept.tuned["circle"].orientation
    return {
        "rows": len(rows),
        "sae": {"kind": sae.recipe.kind, "width": sae.width, **sae.about["figures"]},
        "populations": {name: population_figures(of) for name, of in found.items()},
        "natural": {name: joint_figures(joint, found[name]) for name, joint in joints.items()},
        "in_gaps": [{**row, **natural_figures(joints[FEATURES], row["feature"], by_circles)} for row in in_gaps],
    }
