"""Cowsik, Dolev and Infanger 2024, "The Persian Rug" (arXiv 2410.12101).

The claim: for sparse data whose features are all alike, large models that squeeze them through a bottleneck learn
weights of which only the statistics matter: a uniform diagonal, a uniform bias, and off-diagonal noise of equal
variance for all features. Such a model can be engineered from a Hadamard matrix, without training, and its loss has a
closed form.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch

from visae._support.errors import VisaeError
from visae._support.progress import track
from visae._support.seeds import generator
from visae.papers.persian_rug import _settings as constants
from visae.papers.persian_rug import _theory as theory
from visae.papers.persian_rug._engineered import EngineeredFit, build_rug, fit_readout
from visae.papers.persian_rug._measures import BREAKING, KEEPING, Bias, Weights, dense_loss, noise_distance, symmetry
from visae.papers.persian_rug._model import (
    STARTS,
    Device,
    RugModel,
    Start,
    TrainedRugs,
    bottleneck,
    sample_inputs,
    train,
)
from visae.papers.persian_rug._page import rug_page
from visae.papers.persian_rug._plots import plot_rug
from visae.papers.persian_rug._settings import DENSITY, INPUTS, RATIO, RUGS, SETTINGS, RugSettings
from visae.papers.persian_rug._verdicts import sparse_rows, verdicts
from visae.papers.report import write_report

SCHEMA = 2
_REPETITIONS = 4  # of each shuffle
_PRECISE = 2  # factor on the settings' values for each rug at the notebook's point
_SYMMETRIES = ("diagonal", "bias", "row_energy", "noise")  # should vanish with n

_Row = Mapping[str, Any]


def reproduce(
    out: str | Path, settings: RugSettings = SETTINGS["quick"], seed: int = 0, device: Device = "cpu"
) -> dict[str, Any]:
    """Predict, engineer, train and compare; return the report.

    Writes to `out`: `persian-rug.json`, `persian-rug.md`, and the plots `loss.png`, `sparsity.png`, `symmetry.png`,
    `rug.png` and `shuffles.png`.
    """
    out = Path(out)
    seeds = range(seed, seed + settings.seeds)
    models = [RugModel(RATIO, DENSITY, seed) for seed in seeds]
    trainings = {"tied": settings.tied, "apart": settings.apart}
    trained = {n: {s: train(n, models, trainings[s], device) for s in STARTS} for n in settings.sizes}
    largest = trained[max(settings.sizes)]["tied"]
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "seed": seed,
        "settings": asdict(settings),
        "notebook": _notebook_point(seed, settings.values, device),
        "grid": _loss_grid(settings, seeds, device),
        "engineered": _engineered_against_theory(settings, seed, device),
        "sizes": [_measure_size(n, trained[n], seed, settings.values, device) for n in settings.sizes],
        "rugs": [_exactness(n, seed) for n in sorted({*settings.sizes, min(settings.engineered_sizes)})],
        "shuffles": _shuffle(largest, seed, device),
    }
    report["scaling"] = scaling(report)
    report["verdicts"] = [asdict(verdict) for verdict in verdicts(report)]
    write_report(out, "persian-rug", report, rug_page(report))
    rug = build_rug(max(settings.sizes), RATIO, seed).weights()
    plot_rug(report, rug.numpy(), largest.stack.weights()[0].cpu().numpy(), out)
    return report


def _engineer(n: int, ratio: float, p: float, seed: int, values: int, device: Device) -> EngineeredFit:
    """A rug, fitted on `values` outputs (features times samples) and measured on equally many others."""
    return fit_readout(build_rug(n, ratio, seed, device), p, max(values // n, 3), seed)


def _notebook_point(seed: int, values: int, device: Device) -> dict[str, float]:
    """Mean loss of rugs at the point of the authors' notebook, and its standard error over rugs."""
    n = constants.NOTEBOOK_N
    seeds = track(range(seed, seed + RUGS), f"engineering rugs of {n} features", "rugs")
    losses = [_engineer(n, RATIO, DENSITY, seed, _PRECISE * values, device).loss for seed in seeds]
    expected = theory.predict(RATIO, DENSITY).loss
    return {"loss": fmean(losses), "error": stdev(losses) / math.sqrt(RUGS), "theory": expected}


def _loss_grid(settings: RugSettings, seeds: Sequence[int], device: Device) -> Sequence[_Row]:
    """Trained, engineered, predicted and linear loss, over densities at one ratio and over ratios at one density."""
    points = sorted({(RATIO, p) for p in settings.densities} | {(ratio, DENSITY) for ratio in settings.ratios})
    models = [RugModel(ratio, p, seed) for ratio, p in points for seed in seeds]
    losses = train(settings.n, models, settings.tied, device).losses.reshape(len(points), len(seeds))
    rows = []
    for index, (ratio, p) in enumerate(track(points, "engineering small rugs", "points")):
        rugs = [_engineer(settings.n, ratio, p, seed, settings.values, device).loss for seed in seeds]
        trained = mean_and_deviation(losses[index].tolist())
        known = _known_losses(bottleneck(settings.n, ratio) / settings.n, p)
        rows.append({**known, "engineered": mean_and_deviation(rugs), "trained": trained})
    return rows


def _engineered_against_theory(settings: RugSettings, seed: int, device: Device) -> Sequence[_Row]:
    """Loss of one rug per point beside the prediction, for the table's points and the sparse ones."""
    ratios, densities = settings.table_ratios, settings.table_densities
    points = {(n, r, p): settings.values for n in settings.engineered_sizes for r in ratios for p in densities}
    points |= {(n, RATIO, p): round(constants.ACTIVE / p) for n, p in settings.sparse}
    rows = []
    for (n, ratio, p), values in track(sorted(points.items()), "engineering large rugs", "rugs"):
        fit, exact_ratio = _engineer(n, ratio, p, seed, values, device), bottleneck(n, ratio) / n
        row = {
            "n": n,
            "nominal_ratio": ratio,
            **_known_losses(exact_ratio, p),
            "kurtosis": theory.noise_kurtosis(n, p),
            "correction": theory.finite_size(n, exact_ratio, p),
            "large": constants.large_enough(n, exact_ratio, p),
            "loss": fit.loss,
            "error": fit.error,
        }
        rows.append(row)
    return rows


def _known_losses(ratio: float, p: float) -> dict[str, float]:
    """The known losses at a ratio d / n, which differs from the nominal one where d was rounded."""
    linear, projection = theory.linear_loss(ratio, p), theory.projection_loss(ratio, p)
    loss = theory.predict(ratio, p).loss
    return {"ratio": ratio, "p": p, "theory": loss, "linear": linear, "projection": projection}


def _measure_size(n: int, trained: Mapping[Start, TrainedRugs], seed: int, values: int, device: Device) -> _Row:
    """Loss and symmetry of rugs of n features, and of trained models by start; means over rugs or models."""
    losses, noise = [], []
    for rug_seed in track(range(seed, seed + RUGS), f"measuring rugs of {n} features", "rugs"):
        losses.append(_engineer(n, RATIO, DENSITY, rug_seed, values // RUGS, device).loss)
        noise.append(_mean_noise_distance(build_rug(n, RATIO, rug_seed, device).weights(), rug_seed))
    return {
        "n": n,
        "theory": theory.predict(RATIO, DENSITY).loss,
        "engineered": {"loss": mean_and_deviation(losses), "noise": fmean(noise)},
        **{start: _mean_symmetry(models) for start, models in trained.items()},
    }


def _mean_symmetry(trained: TrainedRugs) -> _Row:
    weights, b, rows = trained.stack.weights(), trained.stack.b, []
    for index, model in enumerate(track(trained.models, f"measuring models of {b.shape[1]} features", "models")):
        W = weights[index]
        rows.append({"noise": _mean_noise_distance(W, model.seed), **asdict(symmetry(W, b[index]))})
    means = {name: fmean(row[name] for row in rows) for name in rows[0]}
    return {"loss": mean_and_deviation(trained.losses.tolist()), **means}


def _mean_noise_distance(W: Weights, seed: int) -> float:
    return noise_distance(W, DENSITY, _inputs(len(W), seed).to(W.device)).mean().item()


def _exactness(n: int, seed: int) -> dict[str, float]:
    """Largest deviations of a rug's diagonal from 1, and (relative) of its row energies from (1 - r) / r; float64."""
    rug = build_rug(n, RATIO, seed)
    W = rug(torch.eye(n, dtype=torch.float64))
    energy = W.square().sum(1) - W.diagonal().square()
    expected = (1 - rug.ratio) / rug.ratio
    return {
        "n": n,
        "diagonal_off": (W.diagonal() - 1).abs().max().item(),
        "energy": energy.mean().item(),
        "energy_off": (energy / expected - 1).abs().max().item(),
    }


def _shuffle(trained: TrainedRugs, seed: int, device: Device) -> _Row:
    """Loss of the first trained model and of a rug of its size after each change of W and b, over the loss before."""
    W, b = trained.stack.weights()[0], trained.stack.b[0]
    rug = build_rug(len(W), RATIO, seed, device)
    readout = fit_readout(rug, DENSITY, INPUTS, seed).readout
    engineered = readout.gain * rug.weights(), torch.full_like(b, readout.gain * readout.shift)
    return {"n": len(W), "trained": _changed_losses(W, b, seed), "engineered": _changed_losses(*engineered, seed)}


def _changed_losses(W: Weights, b: Bias, seed: int) -> dict[str, float]:
    """Means over repetitions of each change."""
    x, changes = _inputs(len(W), seed).to(W.device), KEEPING | BREAKING
    before, after = dense_loss(W, b, x), {}
    for name in track(changes, f"shuffling a model of {len(W)} features", "changes"):
        sources = [generator(seed, "persian rug", "shuffle", name, repetition) for repetition in range(_REPETITIONS)]
        after[name] = fmean(dense_loss(*changes[name](W, b, source), x) for source in sources) / before
    return after


def _inputs(n: int, seed: int) -> torch.Tensor:
    return sample_inputs(INPUTS, n, DENSITY, generator(seed, "persian rug", "measured", n))


def mean_and_deviation(losses: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation over seeds; the deviation of a single seed is 0."""
    return {"mean": fmean(losses), "deviation": stdev(losses) if len(losses) > 1 else 0.0}


def fit_power(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """Fit y = constant x^exponent to positive points by least squares of ln y.

    Raises `VisaeError` for points at fewer than two x.
    """
    if len(set(x)) < 2:
        raise VisaeError(f"a power law needs points at two or more x; there are {len(set(x))}")
    exponent, logarithm = np.polyfit(np.log(x), np.log(y), 1)
    return {"constant": float(np.exp(logarithm)), "exponent": float(exponent)}


def fit_sparse(densities: Sequence[float], losses: Sequence[float], ratio: float) -> dict[str, float]:
    """Fit c and k in L = c p^k ln(1 / p) (1 - r) / r to losses at one ratio; 1/6 and 2 for the theory as p -> 0."""
    p = np.asarray(densities)
    return fit_power(densities, (np.asarray(losses) / np.log(1 / p) * ratio / (1 - ratio)).tolist())


def scaling(report: _Row) -> dict[str, Any]:
    """Fit powers: of p at high sparsity, and of n to symmetries and noise of trained models.

    fitted:   n and p of the rugs for which n is large enough, with c in L = c p^2 ln(1 / p) (1 - r) / r, for the
              formula and the rug, and the standard error of the latter; the limit for p to 0 has c = 1 / 6.
    left_out: n and p of the equally sparse rugs for which n is too small.
    """
    sizes, keys, fitted = report["sizes"], ("theory", "loss"), [row for row in sparse_rows(report) if row["large"]]
    densities, n = [row["p"] for row in fitted], [size["n"] for size in sizes]
    units = [6 * theory.sparse_limit(RATIO, p) for p in densities]
    return {
        "fitted": [
            {"n": row["n"], "p": row["p"], **{key: row[key] / unit for key in (*keys, "error")}}
            for row, unit in zip(fitted, units, strict=True)
        ],
        "left_out": [{"n": row["n"], "p": row["p"]} for row in sparse_rows(report) if not row["large"]],
        "densities": {key: fit_sparse(densities, [row[key] for row in fitted], RATIO) for key in keys},
        "sizes": {
            start: {name: fit_power(n, [size[start][name] for size in sizes]) for name in _SYMMETRIES}
            for start in STARTS
        },
    }
