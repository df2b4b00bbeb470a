"""The five sweeps that tell families of units apart, and what each says of every unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from visae.tuning import _statistics as summary
from visae.tuning._axes import angles, default_radii
from visae.tuning._responses import Responses
from visae.tuning._sweep import sweep
from visae.tuning._views import widest
from visae.units import Units

# Degrees: corners, not yet lines that are slightly bent.
OPENINGS = (30.0, 60.0, 90.0, 120.0)
WIDTHS = (1.0, 2.0, 4.0, 8.0)  # px


@dataclass(frozen=True, eq=False)
class Tuned:
    """What the sweep of one kind of stimulus says of each unit.

    peak:        the largest response to any of its stimuli.
    orientation: where its peak is, degrees (`summary.preferred`).
    selectivity: resultant length of the tuning on the stimulus's own period, 0..1.
    axial:       the same where opposite orientations count as one.
    echo:        largest response 150 to 210 degrees from the peak over the peak; 0 for a period of 180 degrees.
    """

    peak: Float[Tensor, " u"]
    orientation: Float[Tensor, " u"]
    selectivity: Float[Tensor, " u"]
    axial: Float[Tensor, " u"]
    echo: Float[Tensor, " u"]


@dataclass(frozen=True, eq=False)
class Battery:
    """Responses of one population of units to circles, lines, edges, angles and double curves, by name."""

    responses: dict[str, Responses]

    def __len__(self) -> int:
        return len(self.responses["circle"])

    @cached_property
    def tuned(self) -> dict[str, Tuned]:
        """What each sweep says, by the stimulus's name."""
        return {name: tuned(found) for name, found in self.responses.items()}


def battery(populations: Sequence[Units], orientations: int = 72, radii: int = 16, batch: int = 64) -> list[Battery]:
    """Sweep populations of units of one network; radii are those of the layer that sees most."""
    circle, line = angles(orientations), angles(orientations, 180.0)
    r = default_radii(widest(populations), radii)
    axes = {
        "circle": {"radius": r, "orientation": circle},
        "line": {"width": torch.tensor(WIDTHS), "orientation": line},
        "edge": {"orientation": circle},
        "angle": {"opening": torch.tensor(OPENINGS), "orientation": circle},
        "double_curve": {"radius": r, "orientation": line},
    }
    found = {kind: sweep(populations, kind, of, batch=batch) for kind, of in axes.items()}
    return [Battery({kind: found[kind][index] for kind in axes}) for index in range(len(populations))]


def tuned(responses: Responses) -> Tuned:
    """What one sweep says of each unit."""
    tuning, period = responses.tuning(), responses.period
    orientation, (_, selectivity) = summary.preferred(tuning, period), summary.resultant(tuning, period)
    if period == 180:
        return Tuned(responses.peak(), orientation, selectivity, selectivity, torch.zeros_like(selectivity))
    half = tuning.shape[1] // 2
    _, axial = summary.resultant(tuning[:, :half] + tuning[:, half : 2 * half], 180.0)
    return Tuned(responses.peak(), orientation, selectivity, axial, summary.echo(tuning))
