"""How families of several populations cover the circle: the best unit's response at every orientation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from visae.plots._style import LINE_STYLES, save_figure


@dataclass(frozen=True, eq=False)
class Envelope:
    """A population's line: its name, the envelope [o], and its members' preferred orientations, degrees, [n]."""

    name: str
    envelope: Float[np.ndarray, " o"]
    preferred: Float[np.ndarray, " n"]


def draw_coverage(title: str, envelopes: Sequence[Envelope], period: float, path: Path) -> None:
    """Draw the envelopes on shared axes, and below, in the same colours, a tick for every member's orientation."""
    figure = Figure(figsize=(6.4, 3.4 + 0.16 * len(envelopes)), layout="constrained", dpi=180)
    heights = (4.0, 0.35 + 0.22 * len(envelopes))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    for row, (line, (colour, dash)) in enumerate(zip(envelopes, cycle(LINE_STYLES), strict=False)):
        degrees = np.arange(len(line.envelope) + 1) * (period / len(line.envelope))
        closed = np.append(line.envelope, line.envelope[:1])
        # The first lines are wider, so that they show under those that lie on them.
        above.plot(degrees, closed, color=colour, linestyle=dash, linewidth=max(3.4 - 0.6 * row, 1.2))
        below.vlines(line.preferred, row - 0.36, row + 0.36, colors=colour, linewidth=1.1)
    above.set_ylim(bottom=0)
    above.set_ylabel("best unit's response,\nstandard deviations over natural images", fontsize=8)
    above.grid(linewidth=0.4, color="0.88")
    names = [f"{line.name} ({len(line.preferred)})" for line in envelopes]
    below.set_yticks(range(len(envelopes)), labels=names, fontsize=7)
    for name, (colour, _) in zip(below.get_yticklabels(), cycle(LINE_STYLES), strict=False):
        name.set_color(colour)
    below.set_ylim(len(envelopes) - 0.5, -0.5)
    below.set_xlim(0, period)
    below.set_xticks(np.arange(0, period + 1, 45))
    below.set_xlabel("orientation, degrees clockwise from +x", fontsize=8)
    for axes in (above, below):
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)
