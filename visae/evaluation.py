"""Evaluation: every metric of a dictionary, or of a whole sweep, on images it was not trained on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.settings import flat
from visae.activations import Rows
from visae.held_out import HeldOut
from visae.metrics import detection, fidelity_and_firing, loss_recovered, mean_row, planted_rows, recovery, stability
from visae.sae import SAE, load
from visae.sae._dictionary import FILE

SCHEMA = 2
EVALUATION = "evaluation.json"
Metrics = dict[str, Any]


def find_dictionaries(path: str | Path, device: torch.device | str = "cpu") -> dict[str, SAE]:
    """Load the dictionary at a path, under the name ``, or the dictionaries in its subfolders, by name.

    Raises `VisaeError` if there is none.
    """
    path = Path(path)
    if not path.exists():
        raise VisaeError(f"{path} does not exist; give the folder of a dictionary or of a sweep")
    if path.is_file() or (path / FILE).exists():
        return {"": load(path, device)}
    saes = {file.parent.name: load(file, device) for file in sorted(path.glob(f"*/{FILE}"))}
    if not saes:
        raise VisaeError(
            f"there is no {FILE} in {path} or its subfolders; give a folder written by visae train or visae run"
        )
    return saes


def evaluate(saes: Mapping[str, SAE], held_out: HeldOut, out: str | Path | None = None) -> dict[str, Metrics]:
    """Compute the metrics of each dictionary by name; `visae.metrics` defines each.

    out:  folder for `evaluation.json`, and each dictionary's `firing.safetensors` (density of every feature, histogram
          of L0) and, for a planted network, `recovery.safetensors` (F1 of every planted feature); nothing is written if
          None. `visae.plots.plot_frontier` plots the result.
    """
    out = None if out is None else Path(out)
    for name, sae in saes.items():
        _refuse_other_rows(name, sae, held_out.rows)
    evaluated = {name: _description(sae) for name, sae in saes.items()}
    with Progress("evaluate", len(saes), "dictionaries") as progress:
        for name, sae in saes.items():
            evaluated[name] |= _fidelity(name, sae, held_out, out) | _recovery(name, sae, held_out, out)
            progress.update(1)
    for name, metrics in _loss_recovered(saes, held_out).items():
        evaluated[name] |= metrics
    for name, value in _stabilities(saes).items():
        evaluated[name]["stability"] = value
    evaluated = {name: files.without_nan(metrics) for name, metrics in evaluated.items()}
    if out is not None:
        content = {"schema": SCHEMA, "rows": held_out.rows.digest, "dictionaries": evaluated}
        files.write_json(out / EVALUATION, content)
    return evaluated


def earlier_evaluation(saes: Mapping[str, SAE], rows: Rows, out: Path) -> dict[str, Metrics] | None:
    """Return the results that `evaluate` wrote to a folder for the same dictionaries on the same rows, or None."""
    if not (out / EVALUATION).exists():
        return None
    content = read_evaluation(out / EVALUATION)
    before: dict[str, Metrics] = content["dictionaries"]
    now = {name: _description(sae) for name, sae in saes.items()}
    if content["rows"] != rows.digest or set(before) != set(now):
        return None
    return dict(before) if all(_describes(before[name], now[name]) for name in now) else None


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read an `evaluation.json`: `rows`, the digest of its rows, and `dictionaries`, metrics by name.

    Raises `VisaeError` for another schema, and for missing and unknown keys.
    """
    content = files.read_json(path, SCHEMA, {1: _from_schema_1})
    files.expect_keys(content, ("schema", "rows", "dictionaries"), path)
    return content


def _description(sae: SAE) -> Metrics:
    settings = sae.about.get("settings", {})
    stopped = {"stopped": sae.about["stopped"]} if "stopped" in sae.about else {}
    config = {"kind": sae.config.kind, "config": asdict(sae.config), "seed": settings.get("seed")}
    # Distinguishes dictionaries with one config but different training.
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return {**config, "settings": digest[:12], **stopped}


def _describes(metrics: Metrics, description: Metrics) -> bool:
    """Return whether metrics belong to a dictionary; older files have no digest of its settings, and froze nothing."""
    if "freeze" in description["config"]:
        metrics = {**metrics, "config": {"freeze": "none", **metrics["config"]}}
    return all(metrics.get(k) == v for k, v in description.items() if k != "settings" or "settings" in metrics)


def _fidelity(name: str, sae: SAE, held_out: HeldOut, out: Path | None) -> Metrics:
    fidelity, firing = fidelity_and_firing(sae, held_out.rows_for(sae))
    if out is not None:
        tensors = {"density": firing.density, "l0_histogram": firing.l0_histogram}
        files.write_tensors(out / name / "firing.safetensors", tensors, {"schema": 1})
    return asdict(fidelity)


def _recovery(name: str, sae: SAE, held_out: HeldOut, out: Path | None) -> Metrics:
    truth = held_out.network.truth if held_out.network else None
    if truth is None or truth.layer != held_out.rows.settings["layer"]:
        return {}
    metrics: Metrics = asdict(recovery(sae.directions.cpu(), truth.directions.cpu(), sae.block_size))
    if held_out.images is not None:
        assert held_out.network is not None
        pairs = planted_rows(held_out.network, held_out.images_for([sae]))
        detected = detection(sae, truth.directions.cpu(), pairs)
        metrics["mean_f1"] = detected.mean_f1
        if out is not None:
            files.write_tensors(out / name / "recovery.safetensors", {"f1": detected.f1}, {"schema": 1})
    return metrics


def _loss_recovered(saes: Mapping[str, SAE], held_out: HeldOut) -> dict[str, Metrics]:
    network, rows = held_out.network, held_out.rows
    if network is None or held_out.images is None or not network.classifies:
        return {}
    all_saes = list(saes.values())
    mean = mean_row(network, rows.settings["layer"], held_out.images_for(all_saes))
    with Progress("loss recovered", held_out.max_images, "images") as progress:
        images = (progress.passed(pixels) for pixels in held_out.images_for(all_saes))
        recovered = loss_recovered(network, rows.settings["layer"], saes, images, mean)
    return {name: asdict(metrics) for name, metrics in recovered.items()}


def _stabilities(saes: Mapping[str, SAE]) -> dict[str, float]:
    """Return the stability of dictionaries that differ only in their seeds; stopped ones are left out."""
    alike: dict[str, list[str]] = {}
    for name, sae in saes.items():
        settings = flat(sae.about.get("settings", {}))
        shared = sorted((key, value) for key, value in settings.items() if key not in ("seed", "training.seed"))
        if "stopped" not in sae.about:
            alike.setdefault(repr(shared), []).append(name)
    stabilities: dict[str, float] = {}
    for names in alike.values():
        if len(names) > 1:
            directions = [saes[name].directions.cpu() for name in names]
            stabilities |= dict.fromkeys(names, stability(directions, saes[names[0]].block_size))
    return stabilities


def _refuse_other_rows(name: str, sae: SAE, rows: Rows) -> None:
    described = {"network": sae.about.get("network"), "layer": sae.about.get("layer")}
    wrong = [f"{key} {value}" for key, value in described.items() if value not in (None, rows.settings[key])]
    if sae.dim != rows.dim or wrong:
        given = f"{rows.settings['network']}, {rows.settings['layer']}, {rows.dim} wide"
        raise VisaeError(
            f"dictionary {name or FILE} is of {described['network']}, {described['layer']}, {sae.dim} wide, but "
            f"the rows of {rows.folder} are of {given}; give the rows of its layer"
        )


def _from_schema_1(content: dict[str, Any]) -> dict[str, Any]:
    """Rename keys to their current names; the digest of settings is dropped, since it covers their names."""
    renamed = {
        name: {"config" if key == "recipe" else key: value for key, value in metrics.items() if key != "settings"}
        for name, metrics in content.get("dictionaries", {}).items()
    }
    return {**content, "dictionaries": renamed}
