"""Cowsik, Dolev and Infanger 2024, "The Persian Rug" (arXiv 2410.12101).

The claim: for sparse data whose features are all alike, large models that squeeze them through a bottleneck learn
weights of which only statistics count: an even diagonal, an even bias, and off it noise of the same variance for all.
Such a model can be woven from a Hadamard matrix instead of trained, and its loss written down.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae.papers.persian_rug import _measures as measures
from visae.papers.persian_rug import _weaving as weaving
from visae.papers.persian_rug._engineered import weave
from visae.papers.persian_rug._fits import scaling
from visae.papers.persian_rug._page import rug_page
from visae.papers.persian_rug._plots import draw_rug
from visae.papers.persian_rug._setting import QUICK, RATIO, Setting
from visae.papers.persian_rug._verdicts import verdicts

SCHEMA = 1


def persian_rug(
    out: Path, setting: Setting = QUICK, seed: int = 0, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Predict, weave, train and compare; returns the report.

    Leaves in `out`: `persian-rug.json`, `persian-rug.md`, and its figures `loss.png`, `sparsity.png`, `symmetry.png`,
    `rug.png` and `shuffles.png`.
    """
    seeds = range(seed, seed + setting.seeds)
    starts = {"tied": setting.tied, "apart": setting.apart}
    models = {
        n: {start: measures.grown(n, training, seeds, device) for start, training in starts.items()}
        for n in setting.sizes
    }
    largest = models[max(setting.sizes)]["tied"]
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "seed": seed,
        "setting": asdict(setting),
        "notebook": weaving.notebook(seed, setting.values, device),
        "grid": measures.loss_grid(setting, seeds, device),
        "woven": weaving.woven_against_theory(setting, seed, device),
        "sizes": [measures.size_figures(n, of, seeds, setting.values) for n, of in models.items()],
        "rugs": weaving.rug_figures(sorted({*setting.sizes, min(setting.woven)}), seed),
        "shuffles": measures.shuffled(largest, seed),
    }
    report["scaling"] = scaling(report)
    report["verdicts"] = verdicts(report)
    files.write_json(out / "persian-rug.json", report)
    files.write_bytes(out / "persian-rug.md", rug_page(report).encode())
    rug = weave(max(setting.sizes), RATIO, seed).weights()
    draw_rug(report, rug.numpy(), largest.stack.weights()[0].cpu().numpy(), out)
    return report
