"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662).

The claim: the curve detectors of mixed3b leave gaps in the circle of orientations, and sparse autoencoders trained on
single positions find the missing ones. The same measurement is made here for neurons, the features of four kinds of
dictionaries, PCA, ICA, a dictionary of uniformly sampled positions, and nulls, under one set of criteria and over a
grid of criteria.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visae._support import files
from visae.activations import capture_layers
from visae.images import Images, evenly_spaced
from visae.networks import Network
from visae.papers.missing_curves._dictionaries import LEARNED, train_dictionaries
from visae.papers.missing_curves._layer import measure_layer
from visae.papers.missing_curves._measures import layer_report
from visae.papers.missing_curves._page import curves_page
from visae.papers.missing_curves._plots import draw_layer
from visae.papers.report import write_report
from visae.training import Budget
from visae.training._train_layer import rows_folder
from visae.tuning import MeasuredPopulation

SCHEMA = 4


def reproduce(
    network: Network, layers: Sequence[str], images: Images, out: str | Path, budget: Budget
) -> dict[str, Any]:
    """Capture, train, sweep and compare, layer by layer, and return the report.

    budget: has the configurations of `mod`, `online`, `relu` and `topk`.

    Writes to `out`: `report.json`, `report.md`, and for each layer its plots; `units.safetensors`, the summary
    statistics of every unit; `responses/`, all responses of neurons and features to all stimuli; rows, dictionaries and
    nulls. What a previous call finished is reused. Raises `VisaeError` if it was made with other settings, and for an
    unknown layer.
    """
    out = Path(out)
    policies = {"magnitude": budget.positions, "uniform": replace(budget.positions, policy="uniform")}
    captured = {
        policy: capture_layers(network, {layer: rows_folder(out, layer, policy) for layer in layers}, images, positions)
        for policy, positions in policies.items()
    }
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    subset = evenly_spaced(images, budget.images)
    for layer in layers:
        rows = {policy: by_layer[layer] for policy, by_layer in captured.items()}
        dictionaries = train_dictionaries(rows, out / layer, budget, network.device)
        measured = measure_layer(network, layer, dictionaries, subset)
        _save(network, layer, measured.own, out / layer)
        draw_layer(measured, out / layer)
        report["layers"][layer] = layer_report(measured)
    write_report(out, "report", report, curves_page(report))
    return report


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
            responses.save(folder / "responses" / f"{population}-{kind}.safetensors")
