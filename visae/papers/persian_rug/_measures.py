"""What the reproduction of the Persian rug trains, and measures beside rugs, as the report holds it."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean, stdev
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.papers import persian_rug as toy
from visae.papers.persian_rug._setting import DENSITY, RATIO, Setting
from visae.papers.persian_rug._weaving import RUGS, predicted, woven

INPUTS = 8192  # samples on which noise and shuffles are measured
_SHUFFLES = 4  # of each kind
_CHANGES = toy.KEEPING | toy.BREAKING
_Device = torch.device | str
_Weights = Float[Tensor, "n n"]
_Bias = Float[Tensor, " n"]


def loss_grid(setting: Setting, seeds: Sequence[int], device: _Device) -> list[dict[str, Any]]:
    """Trained, woven, predicted and linear loss, over densities at one ratio and over ratios at one density."""
    points = sorted({(RATIO, p) for p in setting.densities} | {(ratio, DENSITY) for ratio in setting.ratios})
    members = [toy.Member(ratio, p, seed) for ratio, p in points for seed in seeds]
    losses = toy.train(setting.n, members, setting.tied, device).losses.reshape(len(points), len(seeds))
    rows = []
    with Progress("weaving small rugs", len(points), "points") as progress:
        for (ratio, p), trained in zip(points, losses.tolist(), strict=True):
            rugs = [woven(setting.n, ratio, p, seed, setting.values, device) for seed in seeds]
            rows.append({**predicted(rugs[0].ratio, p), "woven": spread([rug.loss for rug in rugs])})
            rows[-1]["trained"] = spread(trained)
            progress.update(1)
    return rows


def grown(n: int, training: toy.Training, seeds: Sequence[int], device: _Device) -> toy.Trained:
    """Trained models of n features, one a seed."""
    return toy.train(n, [toy.Member(RATIO, DENSITY, seed) for seed in seeds], training, device)


def size_figures(n: int, models: dict[str, toy.Trained], seeds: Sequence[int], values: int) -> dict[str, Any]:
    """Loss and symmetry of rugs of n features, and of trained models by how they start; means over rugs or models."""
    device = next(iter(models.values())).stack.b.device
    with Progress(f"measuring models of {n} features", RUGS + len(models) * len(seeds), "models") as progress:
        rugs = [_rug(n, seeds[0] + rug, values // RUGS, device, progress) for rug in range(RUGS)]
        trained = {start: _symmetry(of, progress) for start, of in models.items()}
    return {
        "n": n,
        "theory": toy.predict(RATIO, DENSITY).loss,
        "woven": {"loss": spread([loss for loss, _ in rugs]), "noise": fmean(noise for _, noise in rugs)},
        **trained,
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
    with Progress(f"shuffling models of {n} features", len(models) * len(_CHANGES), "changes") as progress:
        return {"n": n} | {name: _changed(*model, x, seed, progress) for name, model in models.items()}


def spread(losses: Sequence[float]) -> dict[str, float]:
    """Mean, and standard deviation over seeds; 0 for one seed."""
    return {"mean": fmean(losses), "deviation": stdev(losses) if len(losses) > 1 else 0.0}


def _rug(n: int, seed: int, values: int, device: _Device, progress: Progress) -> tuple[float, float]:
    """Loss, and distance of the noise from a Gaussian."""
    loss = woven(n, RATIO, DENSITY, seed, values, device).loss
    noise = _noise(toy.weave(n, RATIO, seed, device).weights(), seed)
    progress.update(1)
    return loss, noise


def _symmetry(trained: toy.Trained, progress: Progress) -> dict[str, Any]:
    found, noise = [], []
    for W, b, member in zip(trained.stack.weights(), trained.stack.b, trained.members, strict=True):
        found.append(asdict(toy.symmetry(W, b)))
        noise.append(_noise(W, member.seed))
        progress.update(1)
    means = {name: fmean(one[name] for one in found) for name in found[0]}
    return {"loss": spread(trained.losses.tolist()), "noise": fmean(noise), **means}


def _noise(W: _Weights, seed: int) -> float:
    return toy.noise_distance(W, DENSITY, _inputs(len(W), seed).to(W.device)).mean().item()


def _changed(W: _Weights, b: _Bias, x: Float[Tensor, "c n"], seed: int, progress: Progress) -> dict[str, float]:
    """Means over the shuffles of each kind."""
    before, after = toy.dense_loss(W, b, x), {}
    for name, change in _CHANGES.items():
        sources = [generator(seed, "persian rug", "shuffle", name, turn) for turn in range(_SHUFFLES)]
        after[name] = fmean(toy.dense_loss(*change(W, b, source), x) for source in sources) / before
        progress.update(1)
    return after


def _inputs(n: int, seed: int) -> Float[Tensor, "c n"]:
    return toy.sparse(INPUTS, n, DENSITY, generator(seed, "persian rug", "measured", n))
