"""The whole job: capture, train, curves, and a report of what was found."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from visae import files
from visae.activations import Positions, Rows, capture_layers
from visae.images import Images
from visae.metrics import recovery
from visae.sae import SAE, Recipe
from visae.training import Training, train
from visae.tuning import Curves, curves, plot_curves
from visae.units import features, neurons
from visae.zoo import Network

SCHEMA = 1


@dataclass(frozen=True)
class Found:
    """What the curve sweep found among a layer's neurons and a dictionary's features."""

    neurons: Curves
    features: Curves


def sweep(network: Network, layer: str, sae: SAE, out: Path, stimulus: str = "stroke") -> Found:
    """Sweep neurons and features; leaves `curves.png`, `neurons.safetensors` and `features.safetensors` in `out`."""
    found = Found(curves(neurons(network, layer), stimulus), curves(features(network, layer, sae), stimulus))
    plot_curves([found.neurons, found.features], out / "curves.png")
    found.neurons.save(out / "neurons.safetensors")
    found.features.save(out / "features.safetensors")
    return found


def run(
    network: Network,
    layer: str,
    images: Images,
    recipe: Recipe,
    out: Path,
    positions: Positions,
    training: Training,
    stimulus: str = "stroke",
    max_disk: int | None = None,
) -> dict[str, Any]:
    """Capture, train, sweep; leaves `rows/`, `dictionary/`, `curves/` and `report.json` in `out`, and returns the report.

    A step that an earlier run finished is not done again; its seconds are then those of reading its result.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "capture"):
        rows = capture_layers(network, {layer: out / "rows"}, images, positions, max_disk=max_disk)[layer]
    with _timed(seconds, "train"):
        sae = train(rows, recipe, out / "dictionary", training, network.device)
    with _timed(seconds, "curves"):
        found = sweep(network, layer, sae, out / "curves", stimulus)
    report = _report(network, layer, rows, sae, found) | {"seconds": seconds}
    files.write_json(out / "report.json", report)
    return report


def _report(network: Network, layer: str, rows: Rows, sae: SAE, found: Found) -> dict[str, Any]:
    figures = sae.about["figures"]
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "network": network.name,
        "layer": layer,
        "rows": len(rows),
        "images_read": rows.images_read,
        "images_skipped": rows.images_skipped,
        "sae": {"kind": sae.recipe.kind, "width": sae.width, **figures},
        "curves": {
            "neurons": {"count": found.neurons.count, "max_gap_deg": found.neurons.max_gap},
            "features": {"count": found.features.count, "max_gap_deg": found.features.max_gap},
        },
    }
    if network.truth is not None:
        report["recovery"] = _recovery(network, sae)
    return report


def _recovery(network: Network, sae: SAE) -> dict[str, float]:
    assert network.truth is not None
    truth = network.truth.directions.cpu()
    of_features = recovery(sae.directions.cpu(), truth)
    of_neurons = recovery(torch.eye(sae.dim), truth)
    return {**asdict(of_features), "neurons_matched_fraction": of_neurons.matched_fraction}


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 3)
