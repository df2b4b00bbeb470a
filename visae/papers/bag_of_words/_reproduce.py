"""Prieto et al., "From Data Statistics to Feature Geometry" (arXiv 2603.09972): the bag of words.

The claim: where features are correlated, interference between them in superposition is constructive, and a ReLU removes
the rest; their directions are then arranged by co-activation, the more so with weight decay, in clusters and in circles
such as the months. It is tested on synthetic bags with exactly known statistics, with independent features as the
control, and on the words of a text, with the same words shuffled as the control.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from visae.papers.bag_of_words._model import Device
from visae.papers.bag_of_words._page import bag_of_words_page
from visae.papers.bag_of_words._plots import plot_bag_of_words
from visae.papers.bag_of_words._settings import SETTINGS, BagSettings
from visae.papers.bag_of_words._synthetic import measure_synthetic
from visae.papers.bag_of_words._text_sweep import measure_text
from visae.papers.bag_of_words._verdicts import verdicts
from visae.papers.report import write_report

SCHEMA = 2


def reproduce(
    out: str | Path,
    settings: BagSettings = SETTINGS["quick"],
    text: str | Path | None = None,
    seed: int = 0,
    device: Device = "cpu",
) -> dict[str, Any]:
    """Train, measure and compare; return the report.

    text: a UTF-8 file; without it a text with known co-occurrence is generated.

    Writes to `out`: `bag-of-words.json`, `bag-of-words.md` with the paper's numbers beside ours, and its plots. Raises
    `VisaeError` for a text that cannot be read, is empty, too short or too uniform.
    """
    out = Path(out)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "settings": asdict(settings),
        "seed": seed,
        # The text first, so that a bad one is reported immediately.
        "text": measure_text(settings, None if text is None else Path(text), seed, device),
        "synthetic": measure_synthetic(settings, seed, device),
    }
    report["verdicts"] = [asdict(verdict) for verdict in verdicts(report)]
    write_report(out, "bag-of-words", report, bag_of_words_page(report))
    plot_bag_of_words(report, out)
    return report
