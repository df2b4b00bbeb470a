"""The whole pipeline: capture, train, train the nulls, sweep curves, and report."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae.activations import Positions, Rows, capture_layers
from visae.evaluation import earlier_evaluation, evaluate
from visae.held_out import HeldOut
from visae.images import Images
from visae.metrics import recovery, verdict
from visae.networks import Network
from visae.networks.planted import Truth
from visae.nulls import FEATURES, SECOND, Populations, compare, with_nulls
from visae.plots import plot_curves
from visae.sae import SAE, SAEConfig
from visae.sae._dictionary import FILE
from visae.training import TrainingConfig, train
from visae.tuning import Curves, curves_of
from visae.units import Units, features, neurons

SCHEMA = 2
# Schema 1 had no nulls, no verdict and no headlines.
_UPGRADES: files.Upgrades = {1: dict}
_SWEPT_SCHEMA = 1
# Names on disk, and in reports.
_DICTIONARY, _NULLS, _EVALUATION, _PLOT = "dictionary", "nulls", "evaluation", "curves.png"
# What an evaluation says of the dictionary's settings, which its own file holds.
_SETTINGS = ("kind", "config", "seed", "settings", "stopped")


def sweep_units(
    units: Sequence[Units],
    out: Path,
    stimulus: str = "stroke",
    nulls: Mapping[str, Sequence[Units]] | None = None,
) -> tuple[list[Curves], dict[str, list[Curves]]]:
    """Sweep circles over populations of units, and over those they are compared with, in one pass; return both.

    Writes `curves.png`, and the responses of `units` as `<kind>.safetensors`.
    """
    nulls = nulls or {}
    swept = curves_of([*units, *(unit for seeds in nulls.values() for unit in seeds)], stimulus)
    own, others = swept[: len(units)], iter(swept[len(units) :])
    swept_nulls = {name: [next(others) for _ in seeds] for name, seeds in nulls.items()}
    plot_curves(own, out / _PLOT, swept_nulls)
    for population in own:
        population.save(out / f"{population.kind}.safetensors")
    return own, swept_nulls


def sweep_and_compare(
    network: Network, layer: str, rows: Rows, populations: Populations, out: Path, stimulus: str = "stroke"
) -> dict[str, Any]:
    """Sweep neurons, dictionaries and nulls, and return what `visae.nulls.compare` says of them.

    populations: the dictionary as `features`, with its second seed if there is one, and the seeds of each null.

    Writes what `sweep_units` writes to `out`.
    """
    units = {name: [features(network, layer, sae) for sae in saes] for name, saes in populations.items()}
    dictionary, *second = units.pop(FEATURES)
    others = ({SECOND: second} if second else {}) | units
    (by_neurons, by_features), swept = sweep_units([neurons(network, layer), dictionary], out, stimulus, others)
    of_dictionary = [by_features, *swept.pop(SECOND, [])]
    return compare(rows, populations, by_neurons, {FEATURES: of_dictionary, **swept})


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
    nulls: int = 3,
) -> dict[str, Any]:
    """Capture, train, train the nulls and sweep; return the report.

    nulls: seeds of each null; 0 for none, and for no second seed of the dictionary.

    Writes `rows/`, `dictionary/`, `nulls/`, `evaluation/`, `curves/` and `report.json` to `out`. Steps finished by an
    earlier run are skipped and keep that run's timings.
    """
    out = Path(out)
    before = _seconds_before(out / "report.json")
    seconds: dict[str, float] = {}
    with _timed(seconds, "capture"):
        rows = capture_layers(network, {layer: out / "rows"}, images, positions, max_disk=max_disk)[layer]
    with _timed(seconds, "train"):
        sae = train(rows, config, out / _DICTIONARY, training, network.device)
    with _timed(seconds, "nulls"):
        populations: Populations = {FEATURES: [sae]}
        if nulls:
            populations = with_nulls(rows, sae, out / _NULLS, nulls, training, network.device)
    with _timed(seconds, "evaluate"):
        evaluated = _evaluated(rows, populations[FEATURES], out)
    with _timed(seconds, "curves"):
        measured = _measured(network, layer, rows, populations, out, stimulus)
    # Reading a step's result usually takes less time than the step.
    longest = {step: max(took, before.get(step, 0.0)) for step, took in seconds.items()}
    report = _report(network, layer, rows, sae, evaluated) | measured | {"seconds": longest}
    files.write_json(out / "report.json", report)
    return report


def _evaluated(rows: Rows, seeds: Sequence[SAE], out: Path) -> dict[str, Any]:
    """Return every metric of the first of the seeds on held-out rows, its stability included if there are two."""
    saes, folder = dict(zip((FEATURES, SECOND), seeds, strict=False)), out / _EVALUATION
    evaluated = earlier_evaluation(saes, rows, folder) or evaluate(saes, HeldOut(rows), folder)
    return {name: value for name, value in evaluated[FEATURES].items() if name not in _SETTINGS}


def _measured(
    network: Network, layer: str, rows: Rows, populations: Populations, out: Path, stimulus: str
) -> dict[str, Any]:
    """Return the curve detectors of neurons, features and nulls, from an earlier run if it swept the same ones."""
    path, key = out / "curves" / "detectors.json", _sweep_key(network, layer, populations, out, stimulus)
    before = files.read_json(path, _SWEPT_SCHEMA) if path.is_file() and (path.parent / _PLOT).is_file() else {}
    if before.get("key") == key:
        measured: dict[str, Any] = before["measured"]
        return measured
    measured = sweep_and_compare(network, layer, rows, populations, out / "curves", stimulus)
    files.write_json(path, {"schema": _SWEPT_SCHEMA, "key": key, "measured": measured})
    return measured


def _sweep_key(network: Network, layer: str, populations: Populations, out: Path, stimulus: str) -> dict[str, Any]:
    """Return what determines the sweep and its counts."""
    saes = [sae for seeds in populations.values() for sae in seeds]
    digests = {str(path.parent.relative_to(out)): files.sha256(path) for path in sorted(out.glob(f"**/{FILE}"))}
    key = {"weights": network.digest, "layer": layer, "stimulus": stimulus, "count": len(saes)}
    return {**key, "dictionaries": digests}


def _report(network: Network, layer: str, rows: Rows, sae: SAE, evaluated: Mapping[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "network": network.name,
        "layer": layer,
        "rows": len(rows),
        "images_read": rows.images_read,
        "images_skipped": rows.images_skipped,
        "images_held_out": sae.about["held_out_images"],
        "sae": {"kind": sae.config.kind, "width": sae.width, **evaluated},
        "verdict": verdict(sae.about),
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
    seconds: dict[str, float] = (
        files.read_json(report, SCHEMA, _UPGRADES).get("seconds", {}) if report.is_file() else {}
    )
    return seconds


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - started, 3)
