"""What the reproduction of the Persian rug measures, as the report holds it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean, stdev
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae.progress import Progress
from visae.reproduce.persian_rug.setting import DENSITY, NOTEBOOK, RATIO, Setting
from visae.seeds import generator
from visae.toys import persian_rug as toy

SYMMETRIES = ("diagonal", "bias", "row_energy", "noise")  # of a trained model, that should vanish with n
INPUTS = 8192  # samples on which noise and shuffles are measured
_SHUFFLES = 4  # of each kind
_RUGS, _PRECISE = 6, 2  # rugs whose mean is taken, since they differ where n is small; the share of values of each
_Device = torch.device | str


def notebook(seed: int, values: int, device: _Device) -> dict[str, float]:
    """The loss of rugs at the point of the authors' notebook, and the standard error of its mean over rugs."""
    losses = [_woven(NOTEBOOK, RATIO, DENSITY, seed + rug, _PRECISE * values, device).loss for rug in range(_RUGS)]
    return {
        "loss": fmean(losses),
        "error": stdev(losses) / math.sqrt(_RUGS),
        "theory": toy.predict(RATIO, DENSITY).loss,
    }


def loss_grid(setting: Setting, seeds: Sequence[int], device: _Device) -> list[dict[str, Any]]:
    """Trained, woven, predicted and linear loss, over densities at one ratio and over ratios at one density."""
    points = sorted({(RATIO, p) for p in setting.densities} | {(ratio, DENSITY) for ratio in setting.ratios})
    members = [toy.Member(ratio, p, seed) for ratio, p in points for seed in seeds]
    losses = toy.train(setting.n, members, setting.tied, device).losses.reshape(len(points), len(seeds))
    rows = []
    with Progress("weaving small rugs", len(points), "points") as progress:
        for (ratio, p), trained in zip(points, losses.tolist(), strict=True):
            rugs = [_woven(setting.n, ratio, p, seed, setting.values, device) for seed in seeds]
            rows.append({**_predicted(rugs[0].ratio, p), "woven": spread([rug.loss for rug in rugs])})
            rows[-1]["trained"] = spread(trained)
            progress.update(1)
    return rows


def woven_against_theory(setting: Setting, seed: int, device: _Device) -> list[dict[str, Any]]:
    """The loss of large rugs beside the prediction."""
    table = {(n, ratio, p) for n in setting.woven for ratio in setting.table[0] for p in setting.table[1]}
    points = sorted(table | {(max(setting.woven), RATIO, p) for p in setting.sparse})
    rows = []
    with Progress("weaving large rugs", len(points), "rugs") as progress:
        for n, ratio, p in points:
            rug = _woven(n, ratio, p, seed, setting.values, device)
            measured = {"kurtosis": toy.noise_kurtosis(n, p), "loss": rug.loss, "error": rug.error}
            rows.append({"n": n, "asked": ratio, **_predicted(rug.ratio, p), **measured})
            progress.update(1)
    return rows


def grown(n: int, training: toy.Training, seeds: Sequence[int], device: _Device) -> toy.Trained:
    """Trained models of n features, one a seed."""
    return toy.train(n, [toy.Member(RATIO, DENSITY, seed) for seed in seeds], training, device)


def size_figures(n: int, models: dict[str, toy.Trained], seeds: Sequence[int], values: int) -> dict[str, Any]:
    """Loss and symmetry of rugs of n features, and of trained models by how they start."""
    device = next(iter(models.values())).stack.b.device
    rugs = [_woven(n, RATIO, DENSITY, seeds[0] + rug, values // _RUGS, device) for rug in range(_RUGS)]
    figures = {
        "n": n,
        "theory": toy.predict(rugs[0].ratio, DENSITY).loss,
        "woven": {"loss": spread([rug.loss for rug in rugs]), "noise": _rug_noise(n, seeds[0], device)},
    }
    return figures | {start: _symmetry(n, trained) for start, trained in models.items()}


def rug_figures(n: int, seed: int) -> dict[str, float]:
    """How far a rug's diagonal is from 1, and its rows' energy from (1 - r) / r, at most and relatively; in float64."""
    rug = toy.weave(n, RATIO, seed)
    W = rug(torch.eye(n, dtype=torch.float64))
    energy = W.square().sum(1) - W.diagonal().square()
    expected = (1 - rug.ratio) / rug.ratio
    return {
        "n": n,
        "diagonal_off": (W.diagonal() - 1).abs().max().item(),
        "energy": energy.mean().item(),
        "energy_off": (energy / expected - 1).abs().max().item(),
    }


def shuffled(trained: toy.Trained, seed: int) -> dict[str, Any]:
    """The loss of the first of some trained models, and of a rug of its size, after each change, over that before."""
    n, device = trained.stack.b.shape[1], trained.stack.b.device
    rug = toy.weave(n, RATIO, seed, device)
    readout = toy.engineered(rug, [DENSITY], INPUTS, seed)[0].readout
    models = {
        "trained": (trained.stack.weights()[0], trained.stack.b[0]),
        "woven": (readout.gain * rug.weights(), torch.full((n,), readout.gain * readout.shift, device=device)),
    }
    x = _inputs(n, seed).to(device)
    return {"n": n} | {name: _changed(*model, x, seed) for name, model in models.items()}


def scaling(report: Mapping[str, Any]) -> dict[str, Any]:
    """Powers that were fitted: of p at high sparsity, and of n by symmetries and noise of models that start tied."""
    setting, sizes = report["setting"], report["sizes"]
    n = max(setting["woven"])
    sparse = [
        row for row in report["woven"] if (row["n"], row["asked"]) == (n, RATIO) and row["p"] in setting["sparse"]
    ]
    densities = [row["p"] for row in sparse]
    of_p = {name: toy.fit_sparse(densities, [row[name] for row in sparse], RATIO) for name in ("theory", "loss")}
    of_n = {
        name: toy.fit_power([row["n"] for row in sizes], [row["tied"][name] for row in sizes]) for name in SYMMETRIES
    }
    return {
        "densities": {name: asdict(power) for name, power in of_p.items()},
        "sizes": {name: asdict(power) for name, power in of_n.items()},
    }


def bound(sizes: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """What the least loss of any large model is at most, over the formula: small ones side by side have theirs.

    Returns the n of the small ones that give the best bound, and the bound.
    """
    shares = {size["n"]: size["tied"]["loss"]["mean"] / size["theory"] for size in sizes}
    best = min(shares, key=lambda n: shares[n])
    return best, shares[best]


def spread(losses: Sequence[float]) -> dict[str, float]:
    """Mean, and standard deviation over seeds; 0 for one seed."""
    return {"mean": fmean(losses), "deviation": stdev(losses) if len(losses) > 1 else 0.0}


def _woven(n: int, ratio: float, p: float, seed: int, values: int, device: _Device) -> toy.Engineered:
    return toy.engineered(toy.weave(n, ratio, seed, device), [p], max(values // n, 2), seed)[0]


def _predicted(ratio: float, p: float) -> dict[str, float]:
    """ratio: as it is, d / n."""
    return {
        "ratio": ratio,
        "p": p,
        "theory": toy.predict(ratio, p).loss,
        "linear": toy.linear_loss(ratio, p),
        "projection": toy.projection_loss(ratio, p),
    }


def _symmetry(n: int, trained: toy.Trained) -> dict[str, Any]:
    """Means over the models."""
    W, b = trained.stack.weights(), trained.stack.b
    found = [asdict(toy.symmetry(*model)) for model in zip(W, b, strict=True)]
    noise = [
        toy.noise_distance(one, DENSITY, _inputs(n, member.seed).to(W.device)).mean().item()
        for one, member in zip(W, trained.members, strict=True)
    ]
    means = {name: fmean(one[name] for one in found) for name in found[0]}
    return {"loss": spread(trained.losses.tolist()), "noise": fmean(noise), **means}


def _rug_noise(n: int, seed: int, device: _Device) -> float:
    W = toy.weave(n, RATIO, seed, device).weights()
    return toy.noise_distance(W, DENSITY, _inputs(n, seed).to(device)).mean().item()


def _changed(W: Float[Tensor, "n n"], b: Float[Tensor, " n"], x: Float[Tensor, "c n"], seed: int) -> dict[str, float]:
    before = toy.dense_loss(W, b, x)
    changes = toy.KEEPING | toy.BREAKING
    return {
        name: fmean(
            toy.dense_loss(*change(W, b, generator(seed, "persian rug", "shuffle", name, turn)), x)
            for turn in range(_SHUFFLES)
        )
        / before
        for name, change in changes.items()
    }


def _inputs(n: int, seed: int) -> Float[Tensor, "c n"]:
    return toy.sparse(INPUTS, n, DENSITY, generator(seed, "persian rug", "measured", n))
