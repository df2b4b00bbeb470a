"""The data of the run's page: a dictionary's provenance, metrics, training log and sweep frontier."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchvision

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.progress import say
from visae._version import VERSION
from visae.metrics import verdict
from visae.networks import Network, card_names, network_card
from visae.sae import SAE

_LOG, _EVALUATION = "log.jsonl", "evaluation.json"
_EVALUATION_SCHEMA = 3
# Log keys under which earlier versions wrote the same numbers.
_RENAMED = {"idle": "silent"}


def run_page(sae: SAE, network: Network, dictionary: Path | None) -> dict[str, Any]:
    """Return what is known about a dictionary's training.

    dictionary: its folder, searched for its log and its sweep's evaluation; None to leave these out.
    """
    about = sae.about
    known = network_card(network.name) if network.name in card_names() else None
    return {
        "network": {
            "name": network.name,
            "weights": network.digest,
            "title": known.title if known else network.name,
            "licence": known.licence if known else "",
            "origin": known.origin if known else "",
        },
        "layer": about.get("layer"),
        "kind": sae.config.kind,
        "config": asdict(sae.config),
        "training": about.get("settings", {}).get("training", {}),
        "rows": about.get("rows"),
        "held_out_images": about.get("held_out_images"),
        "metrics": files.without_nan(about.get("metrics", {})),
        "stopped": about.get("stopped"),
        "verdict": verdict(about),
        "versions": {"visae": VERSION, "torch": torch.__version__, "torchvision": torchvision.__version__},
        "log": [] if dictionary is None else _read_log(dictionary / _LOG),
        "frontier": [] if dictionary is None else _frontier(dictionary),
    }


def _read_log(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a training log, without non-finite values."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            lines.append({_current_name(key): value for key, value in entry.items() if _is_finite(value)})
    return lines


def _current_name(key: str) -> str:
    return _RENAMED.get(key, key)


def _frontier(dictionary: Path) -> list[dict[str, Any]]:
    """Return kind, L0 and explained variance of each dictionary that was evaluated together with this one.

    The evaluation lies beside the dictionary, or in the folder of the sweep above it.
    """
    for folder in (dictionary, dictionary.parent):
        path = folder / _EVALUATION
        if path.is_file():
            this = dictionary.name if folder != dictionary else ""
            return [
                {
                    "name": name or folder.name,
                    "kind": str(metrics.get("kind")),
                    "l0": _finite_or_none(metrics.get("l0")),
                    "explained_variance": _finite_or_none(metrics.get("explained_variance")),
                    "this": name == this,
                }
                for name, metrics in _read_evaluation(path).items()
            ]
    return []


def _read_evaluation(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the metrics of each dictionary; warn and return none if the file cannot be read."""
    try:
        # The keys read here are the same in every schema.
        dictionaries = files.read_json(path, _EVALUATION_SCHEMA, {1: dict, 2: dict}).get("dictionaries")
    except VisaeError as error:
        say(f"atlas: {error}; the frontier is left out")
        return {}
    if not isinstance(dictionaries, dict) or not all(isinstance(metrics, dict) for metrics in dictionaries.values()):
        say(f"atlas: {path} has no metrics of dictionaries; the frontier is left out")
        return {}
    return dictionaries


def _finite_or_none(value: Any) -> int | float | None:
    return value if _is_finite(value) else None


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
