"""Evaluation: every metric of a dictionary, or of a whole sweep, on images it was not trained on."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.settings import flat
from visae.activations import Rows
from visae.held_out import HeldOut, training_sample
from visae.metrics import (
    DescriptionLength,
    NeuronsCurve,
    amortisation,
    density_histogram,
    description_length,
    detection,
    effective_features,
    frequent_fraction,
    helping,
    loss_recovered,
    marginal_help,
    matched_cosines,
    mean_row,
    neurons_curve,
    neurons_description_length,
    planted_rows,
    quality,
    recovery,
    single_neurons,
    stability_by_chance,
)
from visae.sae import SAE, PursuitSAE, load
from visae.sae._dictionary import FILE

SCHEMA = 3
EVALUATION = "evaluation.json"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SAMPLE = 8192
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

    out:  folder for `evaluation.json`, and each dictionary's `firing.safetensors` (density of every feature, how much
          the error rises without it, histogram of L0) and, for a planted network, `recovery.safetensors` (F1 of every
          planted feature); nothing is written if None. `visae.plots.plot_frontier` plots the result.

    Description lengths, and what no other feature can stand in for, are measured on at most 8,192 rows, evenly spaced
    among the held-out ones; every other metric on all of these.
    """
    out = None if out is None else Path(out)
    for name, sae in saes.items():
        _refuse_other_rows(name, sae, held_out.rows)
    evaluated, helps = {name: _description(sae) for name, sae in saes.items()}, {}
    neurons = _Neurons(held_out)
    with Progress("evaluate", len(saes), "dictionaries") as progress:
        for name, sae in saes.items():
            metrics, helps[name] = _fidelity(name, sae, held_out, out)
            evaluated[name] |= metrics | neurons.beside(sae, metrics) | _recovery(name, sae, held_out, out)
            progress.update(1)
    for name, metrics in _loss_recovered(saes, held_out).items():
        evaluated[name] |= metrics
    for name, metrics in _stabilities(saes, helps).items():
        evaluated[name] |= metrics
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
    content = files.read_json(path, SCHEMA, {1: _from_schema_1, 2: dict})
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


def _fidelity(name: str, sae: SAE, held_out: HeldOut, out: Path | None) -> tuple[Metrics, Bool[Tensor, " m"]]:
    """Return metrics of the reconstruction and of the features' use, and which features help."""
    measured = quality(sae, held_out.rows_for(sae))
    firing, help_of_features = measured.firing, measured.helping
    if out is not None:
        tensors = {"density": firing.density, "l0_histogram": firing.l0_histogram, "rise": help_of_features.rise}
        files.write_tensors(out / name / "firing.safetensors", tensors, {"schema": 2})
    used = {
        "helping_fraction": help_of_features.fraction,
        **_marginal(sae, held_out.sample_for(sae, _SAMPLE), help_of_features.helps),
        "frequent_fraction": frequent_fraction(firing.density),
        "effective_features": effective_features(firing.density),
        "density_histogram": _histogram(firing.density),
        **_amortisation(sae, held_out),
    }
    return {**asdict(measured.fidelity), **used}, help_of_features.helps


def _histogram(density: Float[Tensor, " m"]) -> dict[str, Any]:
    """Return how many features never fire, and how many have densities between the `edges`, which are logarithms."""
    histogram = density_histogram(density)
    counts, edges = histogram.counts.tolist(), histogram.edges.tolist()
    return {"never": histogram.never, "log10_edges": edges, "counts": counts}


def _marginal(sae: SAE, x: Float[Tensor, "n d"], helps: Bool[Tensor, " m"]) -> Metrics:
    """Return how many helping features are needed, and how much of what they do no other can; none for a kind that
    cannot encode without a feature.

    needed_fraction: fraction of all features that help, and without which the others leave a larger error.
    needed_share:    the sum of these rises in error over the sum of the rises with the rest of the code unchanged.
    """
    try:
        marginal = marginal_help(sae, x)
    except VisaeError:
        return {}
    unchanged = helping(sae, [x]).rise.sum().item()
    return {
        "needed_fraction": (helps & marginal.helps).double().mean().item(),
        "needed_share": marginal.rise.sum().item() / unchanged if unchanged else math.nan,
    }


def _amortisation(sae: SAE, held_out: HeldOut) -> Metrics:
    """Return what a pursuit over an SAE's decoder explains, its L0, and the share of the error that is the encoder's.

    None of these for an SAE that is encoded by a pursuit, or cannot be.
    """
    if isinstance(sae, PursuitSAE):
        return {}
    gap = amortisation(sae, training_sample(sae, held_out.rows)[:_SAMPLE], held_out.rows_for(sae))
    if gap is None:
        return {}
    return {
        "pursuit_explained_variance": gap.pursuit_explained_variance,
        "pursuit_l0": gap.pursuit_l0,
        "encoder_share": gap.encoder_share,
    }


class _Neurons:
    """The neurons on the rows of each split, measured once: what dictionaries are held against."""

    def __init__(self, held_out: HeldOut):
        self.held_out = held_out
        self._measured: dict[tuple[float, int], tuple[NeuronsCurve, DescriptionLength]] = {}

    def beside(self, sae: SAE, metrics: Metrics) -> Metrics:
        """Return a dictionary's description length, and the neurons' explained variance at its L0 and their bits."""
        x = self.held_out.sample_for(sae, _SAMPLE)
        split = self.held_out.split_of(sae)
        if split not in self._measured:
            self._measured[split] = neurons_curve(self.held_out.rows_for(sae)), neurons_description_length(x)
        curve, neurons = self._measured[split]
        explained, length = curve.on_average(metrics["l0"]), asdict(description_length(sae, x))
        return {
            "neurons_explained_variance": explained,
            "neurons_curve": [[l0, curve.on_average(l0)] for l0 in _l0_axis(sae.dim)],
            "ev_over_neurons": metrics["explained_variance"] - explained,
            **{part: length[part] for part in ("bits", "support_bits", "value_bits", "residual_bits", "gaussian_bits")},
            "neurons_bits": neurons.bits,
        }


def _l0_axis(dim: int) -> list[float]:
    """L0 from 1/4 to all neurons, half an octave apart."""
    return [2 ** (power / 2) for power in range(-4, 2 * dim.bit_length()) if 2 ** (power / 2) <= dim]


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


def _stabilities(saes: Mapping[str, SAE], helps: Mapping[str, Bool[Tensor, " m"]]) -> dict[str, Metrics]:
    """Return the stability of dictionaries that differ only in their seeds; stopped ones are left out."""
    alike: dict[str, list[str]] = {}
    for name, sae in saes.items():
        settings = flat(sae.about.get("settings", {}))
        shared = sorted((key, value) for key, value in settings.items() if key not in ("seed", "training.seed"))
        if "stopped" not in sae.about:
            alike.setdefault(repr(shared), []).append(name)
    stabilities: dict[str, Metrics] = {}
    for names in alike.values():
        # Two copies of one run, or encoders of its decoder, do not differ in their seeds.
        if len({saes[name].about.get("settings", {}).get("seed") for name in names}) == len(names) > 1:
            runs = [saes[name] for name in names]
            stabilities |= dict.fromkeys(names, _stability(runs, torch.stack([helps[name] for name in names])))
    return stabilities


def _stability(runs: Sequence[SAE], helps: Bool[Tensor, "s m"]) -> Metrics:
    """Return the stability of all features, of some, and of random directions."""
    directions, block_size = [sae.directions.cpu() for sae in runs], runs[0].block_size
    matched = matched_cosines(directions, block_size)
    is_neuron = torch.stack([single_neurons(rows) for rows in directions])
    return {
        "stability": matched.mean(),
        "stability_quantiles": matched.quantiles(_QUANTILES),
        "stability_of_helping": matched.mean(helps),
        "stability_beyond_neurons": matched.mean(~is_neuron),
        "stability_by_chance": stability_by_chance(runs[0].width, runs[0].dim, block_size),
    }


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
