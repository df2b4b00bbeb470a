"""What is said of how a dictionary came about: recipe, figures, log, frontier, versions."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchvision

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.progress import say
from visae._version import VERSION
from visae.networks import Network, card_names, network_card
from visae.sae import SAE

_LOG, _EVALUATION = "log.jsonl", "evaluation.json"


def run_page(sae: SAE, network: Network, dictionary: Path | None) -> dict[str, Any]:
    """The data of the page about the run.

    dictionary:  its folder, for its log, and for an evaluation of the sweep that it is of; None for none.
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
        "recipe": asdict(sae.config),
        "training": about.get("settings", {}).get("training", {}),
        "rows": about.get("rows"),
        "held_out_images": about.get("held_out_images"),
        "figures": files.without_nan(about.get("metrics", {})),
        "stopped": about.get("stopped"),
        "versions": {"visae": VERSION, "torch": torch.__version__, "torchvision": torchvision.__version__},
        "log": [] if dictionary is None else _log(dictionary / _LOG),
        "frontier": [] if dictionary is None else _frontier(dictionary),
    }


def _log(path: Path) -> list[dict[str, Any]]:
    """The lines of a training log that are whole."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            lines.append({key: value for key, value in entry.items() if _finite(value)})
    return lines


def _frontier(dictionary: Path) -> list[dict[str, Any]]:
    """Kind, L0 and explained variance of each dictionary that was evaluated with this one."""
    for folder in (dictionary, dictionary.parent):
        path = folder / _EVALUATION
        if path.is_file():
            return [
                {
                    "name": name or folder.name,
                    "kind": str(of.get("kind")),
                    "l0": _number(of.get("l0")),
                    "explained_variance": _number(of.get("explained_variance")),
                    "this": name == (dictionary.name if folder != dictionary else ""),
                }
                for name, of in _evaluated(path).items()
            ]
    return []


def _evaluated(path: Path) -> dict[str, dict[str, Any]]:
    """The figures of each dictionary; none, and a line that says why, of a file that cannot be understood."""
    try:
        found = files.read_json(path, 1).get("dictionaries")
    except VisaeError as error:
        say(f"atlas: {error}; the frontier is left out")
        return {}
    if not isinstance(found, dict) or not all(isinstance(of, dict) for of in found.values()):
        say(f"atlas: {path} has no figures of dictionaries; the frontier is left out")
        return {}
    return found


def _number(value: Any) -> int | float | None:
    """A number as JSON can hold it; None for what is none."""
    return value if _finite(value) else None


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
