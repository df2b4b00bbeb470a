"""Gorton 2024 (arXiv 2406.03662), the other half: polysemantic neurons, taken apart by the features that write to them.

The paper's example is a neuron of mixed3b that sees double curves and splits into several features. Here every neuron
of a layer is ranked, and the first three are shown.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from visae._support import files
from visae.activations import Rows
from visae.decomposition import LEAST, LayerDecomposition, NeuronDecomposition, case, decompose, meanings, named, words
from visae.examples import border_margin, strongest
from visae.images import Images
from visae.metrics import constituents
from visae.networks import Network
from visae.papers.missing_curves._populations import evenly_spaced
from visae.papers.polysemantic._page import polysemantic_page
from visae.plots import plot_neuron_decomposition
from visae.training._layer import Budget, train_layer

SCHEMA = 1
CASES = 3
# Of each neuron: so many that they hold weak answers too, since the strongest are often those to one feature alone.
EXAMPLES = 512
MOST_IMAGES = 1024  # in which they are looked for


def polysemantic(
    network: Network,
    layers: Sequence[str],
    images: Images,
    out: Path,
    budget: Budget,
    shown: Images | None = None,
) -> dict[str, Any]:
    """Rank the neurons of each layer by how much their second meaning explains, and show the first three.

    shown: where dataset examples are looked for; without it, `images`.

    Leaves in `out`: `polysemantic.json`, `polysemantic.md`, and for each layer a picture of each case, rows and
    dictionary. Rows and dictionaries that an earlier call of this or of `missing_curves` finished are not made again.
    On the planted network the features found in each neuron are compared with the true ones.
    """
    some = evenly_spaced(images if shown is None else shown, MOST_IMAGES)
    report: dict[str, Any] = {"schema": SCHEMA, "network": network.name, "images": len(images), "layers": {}}
    for layer in layers:
        rows, sae = train_layer(network, layer, images, out, budget)
        of = decompose(network, layer, sae, rows)
        cases = decompose_neurons(of, [neuron for neuron, _ in of.ranking()[:CASES]], some)
        for one in cases:
            plot_neuron_decomposition(one, of.neurons.layer, some, out / layer / f"neuron-{one.neuron}.png")
        report["layers"][layer] = {**_figures(rows, of), "cases": [_case(one, some) for one in cases]}
    files.write_json(out / "polysemantic.json", report)
    files.write_bytes(out / "polysemantic.md", polysemantic_page(report).encode())
    return report


def decompose_neurons(of: LayerDecomposition, neurons: Sequence[int], images: Images) -> list[NeuronDecomposition]:
    """Take some neurons of a layer apart, with their dataset examples."""
    if not neurons:
        return []
    examples = strongest([of.neurons], images, EXAMPLES, border_margin(of.neurons.layer, images))[0]
    return [case(of, neuron, examples, images) for neuron in neurons]


def _figures(rows: Rows, of: LayerDecomposition) -> dict[str, Any]:
    ranking, sae = of.ranking(), of.sae
    every = [meanings(of.attribution, of.families, neuron) for neuron in range(sae.dim)]
    figures = {
        "rows": len(rows),
        "sae": {"kind": sae.config.kind, "width": sae.width, **sae.about["metrics"]},
        "neurons": sae.dim,
        "ranking": [{"neuron": neuron, "meanings": words(one)} for neuron, one in ranking],
        "several_large_parts": sum(len(one) > 1 for one in every),
        "explained_by_one_feature": of.attribution.alone.amax(0).tolist(),
    }
    truth = of.neurons.network.truth
    if truth is None or truth.layer != of.neurons.layer.name:
        return figures
    return {**figures, "constituents": asdict(constituents(of.attribution, sae.directions, truth.directions, LEAST))}


def _case(one: NeuronDecomposition, images: Images) -> dict[str, Any]:
    parts = [
        {
            **asdict(part),
            "what": named(part.family, part.orientation),
            "examples": [images.key(image) for image, _, _ in places],
        }
        for part, places in zip(one.parts, one.examples, strict=True)
    ]
    return {"neuron": one.neuron, "parts": parts, "examples_of_other_features": one.unexplained}
