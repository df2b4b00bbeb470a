"""Evaluation: every figure of a dictionary, or of a whole sweep, on images that it was not trained on."""

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
from visae.held_out import HeldOut, held_out_rows, unseen
from visae.metrics import activity, fidelity_and_firing, loss_recovered, mean_row, planted_rows, recovery, stability
from visae.plots import plot_frontier
from visae.plots._frontier import Point
from visae.sae import SAE, load
from visae.sae._dictionary import FILE

SCHEMA = 1
FIGURES = "evaluation.json"
PANELS = {
    "explained_variance": "explained variance",
    "loss_recovered_zero": "loss recovered (floor: zeros)",
    "kl_recovered_zero": "KL recovered (floor: zeros)",
    "matched_fraction": "planted features matched",
}


def find_dictionaries(place: str | Path, device: torch.device | str = "cpu") -> dict[str, SAE]:
    """The dictionary at a place, by the name ``, or those in its folders, by their names.

    Raises `VisaeError` where there is none.
    """
    place = Path(place)
    if not place.exists():
        raise VisaeError(f"{place} does not exist; give the folder of a dictionary or of a sweep")
    if place.is_file() or (place / FILE).exists():
        return {"": load(place, device)}
    found = {path.parent.name: load(path, device) for path in sorted(place.glob(f"*/{FILE}"))}
    if not found:
        raise VisaeError(f"there is no {FILE} in {place} or its folders; give what visae train or visae run made")
    return found


def evaluate(saes: Mapping[str, SAE], evidence: HeldOut, out: Path | None = None) -> dict[str, dict[str, Any]]:
    """The figures of each dictionary by name: see `visae.metrics` for the definition of each.

    out:  folder for `evaluation.json`, `frontier.png`, and each dictionary's `firing.safetensors` (density of every
          feature, histogram of L0) and, of a planted network, `recovery.safetensors` (F1 of every planted feature);
          nothing is written if None.
    """
    for name, sae in saes.items():
        _refuse_other_rows(name, sae, evidence.rows)
    found = {name: _description(sae) for name, sae in saes.items()}
    with Progress("evaluate", len(saes), "dictionaries") as progress:
        for name, sae in saes.items():
            found[name] |= _on_rows(name, sae, evidence.rows, out) | _on_truth(name, sae, evidence, out)
            progress.update(1)
    for name, figures in _spliced(saes, evidence).items():
        found[name] |= figures
    for name, value in _stabilities(saes).items():
        found[name]["stability"] = value
    found = {name: files.without_nan(figures) for name, figures in found.items()}
    if out is not None:
        files.write_json(out / FIGURES, {"schema": SCHEMA, "rows": evidence.rows.digest, "dictionaries": found})
        if len(found) > 1:
            draw(found, _title(evidence.rows), out / "frontier.png")
    return found


def evaluated(saes: Mapping[str, SAE], rows: Rows, out: Path) -> dict[str, dict[str, Any]] | None:
    """What was found of the same dictionaries on the same rows before; None if there is no such thing."""
    if not (out / FIGURES).exists():
        return None
    content = files.read_json(out / FIGURES, SCHEMA)
    before: dict[str, dict[str, Any]] = content["dictionaries"]
    now = {name: _description(sae) for name, sae in saes.items()}
    same = content["rows"] == rows.digest and set(before) == set(now)
    if not same or any(before[name].get(key) != value for name, of in now.items() for key, value in of.items()):
        return None
    return dict(before)


def draw(found: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> None:
    """The frontier of evaluated dictionaries; those that were stopped are left out."""
    points = [Point(figures["kind"], figures["l0"], figures) for figures in found.values() if "stopped" not in figures]
    plot_frontier(points, PANELS, title, path)


def _description(sae: SAE) -> dict[str, Any]:
    settings = sae.about.get("settings", {})
    stopped = {"stopped": sae.about["stopped"]} if "stopped" in sae.about else {}
    made = {"kind": sae.config.kind, "recipe": asdict(sae.config), "seed": settings.get("seed")}
    # Tells dictionaries of one recipe apart that were trained otherwise.
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return {**made, "settings": digest[:12], **stopped}


def _on_rows(name: str, sae: SAE, rows: Rows, out: Path | None) -> dict[str, Any]:
    fidelity, firing = fidelity_and_firing(sae, held_out_rows(sae, rows))
    if out is not None:
        tensors = {"density": firing.density, "l0_histogram": firing.l0_histogram}
        files.write_tensors(out / name / "firing.safetensors", tensors, {"schema": SCHEMA})
    return asdict(fidelity)


def _on_truth(name: str, sae: SAE, evidence: HeldOut, out: Path | None) -> dict[str, Any]:
    truth = evidence.network.truth if evidence.network else None
    if truth is None or truth.layer != evidence.rows.settings["layer"]:
        return {}
    figures: dict[str, Any] = asdict(recovery(sae.directions.cpu(), truth.directions.cpu(), sae.block))
    if evidence.images is not None:
        assert evidence.network is not None
        pairs = planted_rows(evidence.network, unseen([sae], evidence))
        found = activity(sae, truth.directions.cpu(), pairs)
        figures["mean_f1"] = found.mean_f1
        if out is not None:
            files.write_tensors(out / name / "recovery.safetensors", {"f1": found.f1}, {"schema": SCHEMA})
    return figures


def _spliced(saes: Mapping[str, SAE], evidence: HeldOut) -> dict[str, dict[str, Any]]:
    network, rows = evidence.network, evidence.rows
    if network is None or evidence.images is None or not network.classifies:
        return {}
    mean = mean_row(network, rows.settings["layer"], unseen(list(saes.values()), evidence))
    with Progress("loss recovered", evidence.most, "images") as progress:
        images = (progress.passed(pixels) for pixels in unseen(list(saes.values()), evidence))
        found = loss_recovered(network, rows.settings["layer"], saes, images, mean)
    return {name: asdict(figures) for name, figures in found.items()}


def _stabilities(saes: Mapping[str, SAE]) -> dict[str, float]:
    """Stability of the dictionaries that differ in nothing but seeds; those that were stopped are left out."""
    alike: dict[str, list[str]] = {}
    for name, sae in saes.items():
        settings = flat(sae.about.get("settings", {}))
        shared = sorted((key, value) for key, value in settings.items() if key not in ("seed", "training.seed"))
        if "stopped" not in sae.about:
            alike.setdefault(repr(shared), []).append(name)
    found: dict[str, float] = {}
    for names in alike.values():
        if len(names) > 1:
            found |= dict.fromkeys(
                names, stability([saes[name].directions.cpu() for name in names], saes[names[0]].block)
            )
    return found


def _refuse_other_rows(name: str, sae: SAE, rows: Rows) -> None:
    made = {"network": sae.about.get("network"), "layer": sae.about.get("layer")}
    wrong = [f"{key} {value}" for key, value in made.items() if value not in (None, rows.settings[key])]
    if sae.dim != rows.dim or wrong:
        there = f"{rows.settings['network']}, {rows.settings['layer']}, {rows.dim} wide"
        raise VisaeError(
            f"dictionary {name or FILE} is of {made['network']}, {made['layer']}, {sae.dim} wide, the rows of "
            f"{rows.folder} are of {there}; give the rows of its layer"
        )


def _title(rows: Rows) -> str:
    return f"{rows.settings['network']}, {rows.settings['layer']}"
