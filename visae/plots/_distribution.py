"""How selective the units of several populations are."""

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from visae.plots._style import LINE_STYLES, save_figure


def draw_selectivity(
    title: str, populations: Mapping[str, Float[np.ndarray, " _"]], threshold: float, path: Path
) -> None:
    """Draw for each population which share of its units is at least so selective; a line marks a threshold.

    populations: selectivities, 0..1, of the units that respond at all.
    """
    figure = Figure(figsize=(5.6, 3.4), layout="constrained", dpi=180)
    axes = figure.subplots()
    for (name, values), (colour, dash) in zip(populations.items(), cycle(LINE_STYLES), strict=False):
        steps = np.concatenate([[0.0], np.sort(values), [1.0]])
        share = np.concatenate([[1.0], 1 - np.arange(len(values)) / max(len(values), 1), [0.0]])
        axes.step(steps, share, where="pre", color=colour, linestyle=dash, linewidth=1.4, label=name)
    axes.axvline(threshold, color="0.6", linewidth=0.8)
    axes.text(threshold, 1.02, "curve detector", fontsize=7, color="0.35", ha="center")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("selectivity: resultant length of the tuning to circles", fontsize=8)
    axes.set_ylabel("share of units at least so selective", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.88")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)
