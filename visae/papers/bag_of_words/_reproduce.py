"""Prieto et al., "From Data Statistics to Feature Geometry" (arXiv 2603.09972): the bag of words.

The claim: where features are correlated, interference between them in superposition is constructive, and a ReLU removes
what is false; their directions are then arranged by co-activation, the more so with weight decay, in clusters and in
circles such as that of the months. Here on synthetic bags of exactly known statistics, with independent features as the
control, and on the words of a text, with the same words shuffled.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae.papers.bag_of_words._page import bag_of_words_page
from visae.papers.bag_of_words._plots import draw_bag_of_words
from visae.papers.bag_of_words._setting import QUICK, Setting
from visae.papers.bag_of_words._synthetic_sweep import measure_synthetic
from visae.papers.bag_of_words._text_sweep import measure_text
from visae.papers.bag_of_words._verdicts import verdicts

SCHEMA = 1


def bag_of_words(
    out: Path,
    setting: Setting = QUICK,
    text: Path | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> dict[str, Any]:
    """Train, measure and compare; returns the report.

    text: a UTF-8 file; without it a text is made whose co-occurrence is known.

    Leaves in `out`: `bag-of-words.json`, `bag-of-words.md` with the paper's number beside ours, and its figures. Raises
    `VisaeError` for a text that cannot be read, is empty, too short, or too much of the same.
    """
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "setting": asdict(setting),
        "seed": seed,
        # The text first: what is wrong with it shows at once.
        "text": measure_text(setting, text, seed, device),
        "synthetic": measure_synthetic(setting, seed, device),
    }
    report["verdicts"] = verdicts(report)
    files.write_json(out / "bag-of-words.json", report)
    draw_bag_of_words(report, out)
    files.write_bytes(out / "bag-of-words.md", bag_of_words_page(report).encode())
    return report
