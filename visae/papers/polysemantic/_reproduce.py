"""Gorton 2024 (arXiv 2406.03662), the other half: polysemantic neurons decomposed into the features that write to them.

The paper's example is a neuron of mixed3b that detects double curves and splits into several features. Here every
neuron of a layer is ranked, and the first three are shown.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visae import decomposition
from visae.activations import Rows
from visae.decomposition import MIN_SHARE, MOST_IMAGES, LayerDecomposition, NeuronDecomposition, describe_meanings
from visae.images import Images, evenly_spaced
from visae.metrics import constituents
from visae.networks import Network
from visae.papers.polysemantic._page import polysemantic_page
from visae.papers.report import write_report
from visae.plots import plot_neuron_decomposition
from visae.training import Budget, train_layer

SCHEMA = 1
SHOWN = 3  # neurons


def reproduce(
    network: Network,
    layers: Sequence[str],
    images: Images,
    out: str | Path,
    budget: Budget,
    search: Images | None = None,
) -> dict[str, Any]:
    """Rank the neurons of each layer by the share of their second meaning, show the top ones, and return the report.

    search: images to search for dataset examples; `images` if None.

    Writes to `out`: `polysemantic.json`, `polysemantic.md`, and for each layer a plot per shown neuron, rows and
    dictionary. Rows and dictionaries finished by a previous call of this or of `missing_curves.reproduce` are reused.
    On the planted network the features of each neuron are compared with the true ones. Raises `VisaeError` if rows or
    dictionaries were made with other settings.
    """
    out = Path(out)
    searched = evenly_spaced(images if search is None else search, MOST_IMAGES)
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    for name in layers:
        rows, sae = train_layer(network, name, images, out, budget)
        layer = decomposition.decompose_layer(network, name, sae, rows)
        neurons = [neuron for neuron, _ in layer.ranking()[:SHOWN]]
        cases = decomposition.decompose_neurons(layer, neurons, searched)
        for case in cases:
            path = out / name / f"neuron-{case.neuron}.png"
            plot_neuron_decomposition(case, layer.neurons.layer, searched, path)
        report["layers"][name] = {**_metrics(rows, layer), "cases": [_summarise(case, searched) for case in cases]}
    write_report(out, "polysemantic", report, polysemantic_page(report))
    return report


def _metrics(rows: Rows, layer: LayerDecomposition) -> dict[str, Any]:
    sae, attribution, truth = layer.sae, layer.attribution, layer.neurons.network.truth
    meanings = [decomposition.neuron_meanings(attribution, layer.families, neuron) for neuron in range(sae.dim)]
    metrics = {
        "rows": len(rows),
        "sae": {"kind": sae.config.kind, "width": sae.width, **sae.about["metrics"]},
        "neurons": sae.dim,
        "ranking": [{"neuron": neuron, "meanings": describe_meanings(each)} for neuron, each in layer.ranking()],
        "several_large_parts": sum(len(each) > 1 for each in meanings),
        "explained_by_one_feature": attribution.alone.amax(0).tolist(),
    }
    if truth is None or truth.layer != layer.neurons.layer.name:
        return metrics
    return {**metrics, "constituents": asdict(constituents(attribution, sae.directions, truth.directions, MIN_SHARE))}


def _summarise(case: NeuronDecomposition, images: Images) -> dict[str, Any]:
    parts = [
        {
            **asdict(part),
            "what": decomposition.describe_detector(part.family, part.orientation),
            "examples": [images.key(image) for image, _, _ in positions],
        }
        for part, positions in zip(case.parts, case.examples, strict=True)
    ]
    return {"neuron": case.neuron, "parts": parts, "examples_of_other_features": case.unexplained}
