"""The bridge: curve and line features of a layer, measured as the two models of superposition are.

What geometry comes from sparsity alone is the Persian rug's (Cowsik, Dolev and Infanger 2024, arXiv 2410.12101), what
comes from correlation the bag of words' (Prieto et al., arXiv 2603.09972); both are nulls here, and every measure has a
shuffled control.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visae._support import files
from visae.images import Images, evenly_spaced
from visae.networks import Network
from visae.papers.missing_curves import measure_populations
from visae.papers.superposition_in_curves._measures import figures
from visae.papers.superposition_in_curves._page import superposition_page
from visae.papers.superposition_in_curves._plots import draw
from visae.papers.superposition_in_curves._populations import of_dictionary, of_toys
from visae.papers.superposition_in_curves._setting import QUICK, Setting
from visae.training import Budget, train_layer
from visae.training._train_layer import FEATURES

SCHEMA = 1


def superposition_in_curves(
    network: Network, layers: Sequence[str], images: Images, out: Path, budget: Budget, setting: Setting = QUICK
) -> dict[str, Any]:
    """Measure the features of layers beside the toys; returns the report.

    Rows and dictionaries are those of the other reproductions in the same folder, or are made. Leaves in `out`:
    `superposition.json`, `superposition-in-curves.md`, and for each layer `superposition.png`. Raises `VisaeError` for
    a layer with fewer than three curve and line features, and where `budget` holds no image out of training.
    """
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "setting": setting.name,
        "network": network.name,
        "images": len(images),
        "layers": {},
    }
    some, seed = evenly_spaced(images, budget.images), budget.training.seed
    for layer in layers:
        rows, sae = train_layer(network, layer, images, out, budget)
        found = measure_populations(network, layer, {FEATURES: sae}, some)[FEATURES]
        asked = of_dictionary(sae, rows, found, budget.training, setting.rows)
        density = (asked.x[:, asked.asked] > 0).double().mean().item()
        compared = {f"{layer} features": asked, **of_toys(density, setting, seed, network.device)}
        populations = {name: figures(of, seed) for name, of in compared.items()}
        draw(f"Superposition in curves: {network.name} {layer}", populations, out / layer / "superposition.png")
        report["layers"][layer] = {
            "rows": len(asked.x),
            "density": density,
            "curves": len(asked.ring),
            "lines": len(asked.asked) - len(asked.ring),
            "sae": {"kind": sae.config.kind, "width": sae.width},
            "populations": populations,
        }
    files.write_json(out / "superposition.json", report)
    files.write_bytes(out / "superposition-in-curves.md", superposition_page(report).encode())
    return report
