"""What the reproduction of the Persian rug weaves: rugs beside the formula, as the report holds them."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import torch

from visae._support.progress import Progress
from visae.papers import persian_rug as toy
from visae.papers.persian_rug._setting import DENSITY, NOTEBOOK, RATIO, Setting, large_enough

RUGS = 6  # whose mean is taken where n is small, since they differ there
ACTIVE = 1 << 14  # features that are active in all outputs of a sparse rug together
_PRECISE = 2  # times the values of a setting for each rug of the notebook's point
_Device = torch.device | str


def notebook(seed: int, values: int, device: _Device) -> dict[str, float]:
    """The loss of rugs at the point of the authors' notebook, and the standard error of its mean over rugs."""
    losses = []
    with Progress(f"weaving rugs of {NOTEBOOK} features", RUGS, "rugs") as progress:
        for rug in range(RUGS):
            losses.append(woven(NOTEBOOK, RATIO, DENSITY, seed + rug, _PRECISE * values, device).loss)
            progress.update(1)
    return {
        "loss": fmean(losses),
        "error": stdev(losses) / math.sqrt(RUGS),
        "theory": toy.predict(RATIO, DENSITY).loss,
    }


def woven_against_theory(setting: Setting, seed: int, device: _Device) -> list[dict[str, Any]]:
    """The loss of one rug a point beside the prediction: those of the table, and the sparse ones."""
    values = {
        (n, ratio, p): setting.values for n in setting.woven for ratio in setting.table[0] for p in setting.table[1]
    }
    values |= {(n, RATIO, p): round(ACTIVE / p) for n, p in setting.sparse}
    rows = []
    with Progress("weaving large rugs", len(values), "rugs") as progress:
        for (n, ratio, p), count in sorted(values.items()):
            rug = woven(n, ratio, p, seed, count, device)
            rows.append({"n": n, "asked": ratio, **predicted(rug.ratio, p), **_against_theory(rug)})
            progress.update(1)
    return rows


def rug_figures(sizes: Sequence[int], seed: int) -> list[dict[str, float]]:
    """Of one rug a size: how far its diagonal is from 1, and its rows' energy from (1 - r) / r, at most and relatively.

    In float64.
    """
    return [_rug_figures(n, toy.weave(n, RATIO, seed)) for n in sizes]


def woven(n: int, ratio: float, p: float, seed: int, values: int, device: _Device) -> toy.Engineered:
    """A rug, fitted on `values` outputs, features times samples, and measured on as many others."""
    return toy.engineered(toy.weave(n, ratio, seed, device), [p], max(values // n, 3), seed)[0]


def predicted(ratio: float, p: float) -> dict[str, float]:
    """ratio: as it is, d / n."""
    return {
        "ratio": ratio,
        "p": p,
        "theory": toy.predict(ratio, p).loss,
        "linear": toy.linear_loss(ratio, p),
        "projection": toy.projection_loss(ratio, p),
    }


def _against_theory(rug: toy.Engineered) -> dict[str, Any]:
    """correction: what finite n adds to the formula, to first order and relatively."""
    return {
        "kurtosis": toy.noise_kurtosis(rug.n, rug.p),
        "correction": toy.finite_size(rug.n, rug.ratio, rug.p),
        "large": large_enough(rug.n, rug.ratio, rug.p),
        "loss": rug.loss,
        "error": rug.error,
    }


def _rug_figures(n: int, rug: toy.Rug) -> dict[str, float]:
    W = rug(torch.eye(n, dtype=torch.float64))
    energy = W.square().sum(1) - W.diagonal().square()
    expected = (1 - rug.ratio) / rug.ratio
    return {
        "n": n,
        "diagonal_off": (W.diagonal() - 1).abs().max().item(),
        "energy": energy.mean().item(),
        "energy_off": (energy / expected - 1).abs().max().item(),
    }
