"""Superposition in curves: a layer's curve and line features, measured like the two models of superposition.

The Persian rug (Cowsik, Dolev and Infanger 2024, arXiv 2410.12101) shows which geometry follows from sparsity alone,
the bag of words (Prieto et al., arXiv 2603.09972) which follows from correlation; both are nulls here, and every metric
has a shuffled control.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visae._support import files
from visae.images import Images, evenly_spaced
from visae.networks import Network
from visae.papers.superposition_in_curves._measures import measure
from visae.papers.superposition_in_curves._page import superposition_page
from visae.papers.superposition_in_curves._plots import plot_superposition
from visae.papers.superposition_in_curves._populations import (
    SETTINGS,
    BridgeSettings,
    dictionary_features,
    toy_features,
)
from visae.training import Budget, train_layer
from visae.training._train_layer import ENCODED
from visae.tuning import measure_populations

SCHEMA = 2


def reproduce(
    network: Network,
    layers: Sequence[str],
    images: Images,
    out: str | Path,
    budget: Budget,
    settings: BridgeSettings = SETTINGS["quick"],
) -> dict[str, Any]:
    """Measure the features of layers beside the toys; return the report.

    Rows and dictionaries are shared with the other reproductions in the same folder. Writes to `out`:
    `superposition.json`, `superposition-in-curves.md`, and for each layer `superposition.png`. Raises `VisaeError` for
    a layer with fewer than three curve and line features, and if `budget` holds no image out of training.
    """
    out = Path(out)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "settings": settings.name,
        "network": network.name,
        "images": len(images),
        "layers": {},
    }
    probes, seed = evenly_spaced(images, budget.images), budget.training.seed
    for layer in layers:
        # Interference is measured through an encoder.
        rows, sae = train_layer(network, layer, images, out, budget, ENCODED)
        population = measure_populations(network, layer, {ENCODED: sae}, probes)[ENCODED]
        features = dictionary_features(sae, rows, population, budget.training, settings.rows)
        density = (features.x[:, features.selected] > 0).double().mean().item()
        compared = {f"{layer} features": features, **toy_features(density, settings, seed, network.device)}
        populations = {name: measure(features, seed) for name, features in compared.items()}
        title = f"Superposition in curves: {network.name} {layer}"
        plot_superposition(title, populations, out / layer / "superposition.png")
        report["layers"][layer] = {
            "rows": len(features.x),
            "density": density,
            "curves": len(features.ring),
            "lines": len(features.selected) - len(features.ring),
            "sae": {"kind": sae.config.kind, "width": sae.width},
            "populations": populations,
        }
    files.write_json(out / "superposition.json", report)
    files.write_bytes(out / "superposition-in-curves.md", superposition_page(report).encode())
    return report
