"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662).

The claim: the curve detectors of mixed3b leave gaps in the circle of orientations, and sparse autoencoders trained on
single positions find the missing ones. The same measurement is made here for neurons, SAE features, PCA, ICA and random
directions, and an SAE trained on uniformly sampled positions, under one set of criteria and over a grid of criteria.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visae._support import files
from visae.activations import Rows, capture_layers
from visae.images import Images, evenly_spaced
from visae.networks import Network
from visae.papers.missing_curves import _measures as measures
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._plots import draw_layer
from visae.papers.missing_curves._populations import (
    LEARNED,
    RELU,
    UNIFORM,
    NaturalTuning,
    file_name,
    measure_natural_tuning,
)
from visae.papers.report import write_report
from visae.sae import ICA, PCA, SAE, RandomDirections, ReLU
from visae.training import Budget, SAESpec, train_many
from visae.training._train_layer import DICTIONARIES, FEATURES, rows_folder
from visae.tuning import MeasuredPopulation, measure_populations

SCHEMA = 3
_CHECKED = 12  # maximum number of features in gaps checked against natural images


def reproduce(
    network: Network, layers: Sequence[str], images: Images, out: str | Path, budget: Budget
) -> dict[str, Any]:
    """Capture, train, sweep and compare, layer by layer, and return the report.

    Writes to `out`: `report.json`, `report.md`, and for each layer its plots; `units.safetensors`, the summary
    statistics of every unit; `responses/`, all responses of neurons and features to all stimuli; rows and dictionaries.
    Rows and dictionaries finished by a previous call are reused. Raises `VisaeError` if they were made with other
    settings, and for an unknown layer.
    """
    out = Path(out)
    policies = {"magnitude": budget.positions, "uniform": replace(budget.positions, policy="uniform")}
    rows = {
        policy: capture_layers(network, {layer: rows_folder(out, layer, policy) for layer in layers}, images, positions)
        for policy, positions in policies.items()
    }
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    subset = evenly_spaced(images, budget.images)
    for layer in layers:
        folder = out / layer
        saes = _train(network, rows["magnitude"][layer], rows["uniform"][layer], folder, budget)
        populations = measure_populations(network, layer, saes, subset)
        _save(network, layer, populations, folder)
        neurons = populations["neurons"].curves
        in_gaps = {name: measures.features_in_gaps(neurons, populations[name], saes[name]) for name in LEARNED}
        checked = {name: [row["feature"] for row in in_gaps[name][:_CHECKED]] for name in LEARNED}
        sampled = {name: populations[name].sample_curves(checked[name]) for name in LEARNED}
        naturals = measure_natural_tuning(populations, sampled, subset)
        draw_layer(f"{network.name} {layer}", populations, naturals, in_gaps, folder)
        report["layers"][layer] = _layer_report(rows["magnitude"][layer], populations, naturals, in_gaps, saes)
    write_report(out, "report", report, curves_page(report))
    return report


def _train(network: Network, magnitude: Rows, uniform: Rows, folder: Path, budget: Budget) -> dict[str, SAE]:
    """Train the dictionaries of a layer; return them by population name."""
    config, seed = budget.config(magnitude.dim), budget.training.seed
    specs = {
        FEATURES: SAESpec(config, seed),
        "relu": SAESpec(ReLU(l1=budget.l1, width=config.width), seed),
        "PCA": SAESpec(PCA()),
        "ICA": SAESpec(ICA()),
        "random": SAESpec(RandomDirections(width=config.width), seed),
    }
    saes = train_many(magnitude, specs, folder / DICTIONARIES, budget.training, network.device)
    spec = {FEATURES: specs[FEATURES]}
    uniform_saes = train_many(uniform, spec, folder / f"{DICTIONARIES}-uniform", budget.training, network.device)
    return {RELU if name == "relu" else name: saes[name] for name in specs} | {UNIFORM: uniform_saes[FEATURES]}


def _save(network: Network, layer: str, populations: Mapping[str, MeasuredPopulation], folder: Path) -> None:
    tensors = {
        f"{population}.{name}": values.contiguous()
        for population, measured in populations.items()
        for name, values in measured.tuning_summary.tensors().items()
    }
    header = {"schema": SCHEMA, "network": network.name, "layer": layer}
    files.write_tensors(folder / "units.safetensors", tensors, header)
    for population in ("neurons", *LEARNED):
        for kind, responses in populations[population].battery.responses.items():
            responses.save(folder / "responses" / f"{file_name(population)}-{kind}.safetensors")


def _layer_report(
    rows: Rows,
    populations: Mapping[str, MeasuredPopulation],
    naturals: Mapping[str, NaturalTuning],
    in_gaps: Mapping[str, Sequence[dict[str, Any]]],
    saes: Mapping[str, SAE],
) -> dict[str, Any]:
    neurons, learned = populations["neurons"], {name: saes[name] for name in LEARNED}
    return {
        "rows": len(rows),
        "saes": {n: {"kind": s.config.kind, "width": s.width, **s.about["metrics"]} for n, s in learned.items()},
        "populations": {name: measures.population_metrics(population) for name, population in populations.items()},
        "natural": {name: measures.natural_metrics(natural) for name, natural in naturals.items()},
        "in_gaps": {
            name: [measures.add_natural_disagreement(row, naturals.get(name)) for row in features]
            for name, features in in_gaps.items()
        },
        "in_gaps_over_grid": {name: measures.gaps_over_criteria(neurons, populations[name]) for name in LEARNED},
    }
