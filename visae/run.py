"""The whole pipeline: capture, train, sweep curves, and report."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae.activations import Positions, Rows, capture_layers
from visae.images import Images
from visae.metrics import recovery
from visae.networks import Network
from visae.networks.planted import Truth
from visae.plots import plot_curves
from visae.sae import SAE, SAEConfig
from visae.training import TrainingConfig, train
from visae.tuning import Curves, curves
from visae.units import Units, features, neurons

SCHEMA = 1


def sweep_units(units: Sequence[Units], out: Path, stimulus: str = "stroke") -> list[Curves]:
    """Sweep circles over populations of units; writes `curves.png` and the responses, `<kind>.safetensors`."""
    swept = [curves(population, stimulus) for population in units]
    plot_curves(swept, out / "curves.png")
    for population in swept:
        population.save(out / f"{population.kind}.safetensors")
    return swept


def run(
    network: Network,
    layer: str,
    images: Images,
    config: SAEConfig,
    out: str | Path,
    positions: Positions,
    training: TrainingConfig,
    stimulus: str = "stroke",
    max_disk: int | None = None,
) -> dict[str, Any]:
    """Capture, train and sweep; write `rows/`, `dictionary/`, `curves/` and `report.json` to `out`; return the report.

    Steps finished by an earlier run are skipped and keep that run's timings.
    """
    out = Path(out)
    before = _seconds_before(out / "report.json")
    seconds: dict[str, float] = {}
    with _timed(seconds, "capture"):
        rows = capture_layers(network, {layer: out / "rows"}, images, positions, max_disk=max_disk)[layer]
    with _timed(seconds, "train"):
        sae = train(rows, config, out / "dictionary", training, network.device)
    with _timed(seconds, "curves"):
        units = [neurons(network, layer), features(network, layer, sae)]
        swept = sweep_units(units, out / "curves", stimulus)
    # Reading a step's result usually takes less time than the step.
    longest = {step: max(took, before.get(step, 0.0)) for step, took in seconds.items()}
    report = _report(network, layer, rows, sae, swept) | {"seconds": longest}
    files.write_json(out / "report.json", report)
    return report


def _report(network: Network, layer: str, rows: Rows, sae: SAE, swept: Sequence[Curves]) -> dict[str, Any]:
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "network": network.name,
        "layer": layer,
        "rows": len(rows),
        "images_read": rows.images_read,
        "images_skipped": rows.images_skipped,
        "images_held_out": sae.about["held_out_images"],
        "sae": {"kind": sae.config.kind, "width": sae.width, **sae.about["metrics"]},
        "curves": {
            population.kind: {"count": population.count, "max_gap_deg": population.max_gap} for population in swept
        },
    }
    if network.truth is not None and network.truth.layer == layer:
        report["recovery"] = _recovery(network.truth, sae)
    return report


def _recovery(planted: Truth, sae: SAE) -> dict[str, float]:
    truth = planted.directions.cpu()
    by_features = recovery(sae.directions.cpu(), truth, sae.block_size)
    by_neurons = recovery(torch.eye(sae.dim), truth)
    return {**asdict(by_features), "neurons_matched_fraction": by_neurons.matched_fraction}


def _seconds_before(report: Path) -> dict[str, float]:
    """Return the seconds per step from the report of an earlier run, if there is one."""
    seconds: dict[str, float] = files.read_json(report, SCHEMA).get("seconds", {}) if report.is_file() else {}
    return seconds


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 3)
