"""Gorton 2024 (arXiv 2406.03662), the other half: polysemantic neurons decomposed into the features that write to them.

The paper's example is a neuron of mixed3b that detects double curves and splits into several features. Here every
neuron of a layer is ranked, and the first three are shown. Nulls decompose the neurons too: what they find as often is
no finding.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from visae import decomposition
from visae.activations import Rows
from visae.decomposition import MOST_IMAGES, LayerDecomposition, NeuronDecomposition
from visae.images import Images, evenly_spaced
from visae.metrics import quality
from visae.networks import Network
from visae.nulls import FEATURES, SEEDS, Populations, found_again, held_out_batches, with_nulls
from visae.papers.polysemantic._measures import compare_layers, explained_alone, ranking
from visae.papers.polysemantic._page import polysemantic_page
from visae.papers.report import write_report
from visae.plots import plot_neuron_decomposition
from visae.training import Budget, train_layer
from visae.training._train_layer import NULLS

SCHEMA = 2
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

    budget: has the configuration of `mod`.
    search: images to search for dataset examples; `images` if None.

    Writes to `out`: `polysemantic.json`, `polysemantic.md`, and for each layer a plot per shown neuron, rows,
    dictionary and nulls. What a previous call of this or of `missing_curves.reproduce` finished is reused. On the
    planted network the features of each neuron are compared with the true ones. Raises `VisaeError` if rows or
    dictionaries were made with other settings.
    """
    out = Path(out)
    searched = evenly_spaced(images if search is None else search, MOST_IMAGES)
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    for name in layers:
        rows, sae = train_layer(network, name, images, out, budget)
        populations = with_nulls(rows, sae, out / name / NULLS, SEEDS, budget.training, network.device)
        decomposed = _decompose(network, name, rows, populations)
        layer = decomposed[FEATURES][0]
        cases = decomposition.decompose_neurons(layer, [neuron for neuron, _ in layer.ranking()[:SHOWN]], searched)
        for case in cases:
            path = out / name / f"neuron-{case.neuron}.png"
            plot_neuron_decomposition(case, layer.neurons.layer, searched, path)
        helps, again = quality(sae, held_out_batches(rows, sae)).helping.helps, found_again(populations[FEATURES])[0]
        summaries = [_summarise(case, searched, helps, again) for case in cases]
        report["layers"][name] = {**_metrics(rows, layer), **compare_layers(decomposed), "cases": summaries}
    write_report(out, "polysemantic", report, polysemantic_page(report))
    return report


def _decompose(
    network: Network, layer: str, rows: Rows, populations: Populations
) -> dict[str, list[LayerDecomposition]]:
    """Decompose a layer by every dictionary of every population."""
    saes = [sae for seeds in populations.values() for sae in seeds]
    decomposed = iter(decomposition.decompose_layers(network, layer, saes, rows))
    return {name: [next(decomposed) for _ in seeds] for name, seeds in populations.items()}


def _metrics(rows: Rows, layer: LayerDecomposition) -> dict[str, Any]:
    sae = layer.sae
    return {
        "rows": len(rows),
        "sae": {"kind": sae.config.kind, "width": sae.width, **sae.about["metrics"]},
        "neurons": sae.dim,
        "ranking": ranking(layer),
        "explained_by_one_feature": explained_alone(layer),
    }


def _summarise(
    case: NeuronDecomposition, images: Images, helps: Bool[Tensor, " m"], again: Bool[Tensor, " m"] | None
) -> dict[str, Any]:
    parts = [
        {
            **asdict(part),
            "what": decomposition.describe_detector(part.family, part.orientation),
            "helps": bool(helps[part.feature]),
            "found_again": None if again is None else bool(again[part.feature]),
            "examples": [images.key(image) for image, _, _ in positions],
        }
        for part, positions in zip(case.parts, case.examples, strict=True)
    ]
    return {"neuron": case.neuron, "parts": parts, "examples_of_other_features": case.unexplained}
