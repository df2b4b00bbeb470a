"""The bridge: curve and line features of a layer, measured as the two models of superposition are.

What geometry comes from sparsity alone is the Persian rug's (Cowsik, Dolev and Infanger 2024, arXiv 2410.12101), what
comes from correlation the bag of words' (Prieto et al., arXiv 2603.09972); both are nulls here, and every measure has a
shuffled control.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visae import files
from visae.images import Images
from visae.reproduce.budget import FEATURES, Budget, trained
from visae.reproduce.populations import measured, some_of
from visae.reproduce.superposition_in_curves.drawings import draw
from visae.reproduce.superposition_in_curves.measures import figures
from visae.reproduce.superposition_in_curves.page import superposition_page
from visae.reproduce.superposition_in_curves.populations import of_dictionary, of_toys
from visae.reproduce.superposition_in_curves.setting import FULL as FULL
from visae.reproduce.superposition_in_curves.setting import QUICK as QUICK
from visae.reproduce.superposition_in_curves.setting import Setting as Setting
from visae.zoo import Network

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
    some, seed = some_of(images, budget.images), budget.training.seed
    for layer in layers:
        rows, sae = trained(network, layer, images, out, budget)
        found = measured(network, layer, {FEATURES: sae}, some)[FEATURES]
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
            "sae": {"kind": sae.recipe.kind, "width": sae.width},
            "populations": populations,
        }
    files.write_json(out / "superposition.json", report)
    files.write_bytes(out / "superposition-in-curves.md", superposition_page(report).encode())
    return report
