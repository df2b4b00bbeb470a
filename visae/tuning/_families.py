"""Families: which units are detectors of curves, double curves, angles, lines and edges, by stated criteria."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.tuning._battery import Battery, Tuned
from visae.tuning._curves import LARGEST_ECHO, LEAST_PEAK, LEAST_SELECTIVITY
from visae.tuning._statistics import contrast

# The stimulus that tells a family's orientation.
FAMILY_STIMULUS = {"curve": "circle", "double_curve": "double_curve", "angle": "angle", "line": "line", "edge": "edge"}


@dataclass(frozen=True)
class Criteria:
    """What a detector must show.

    selectivity: least resultant length of its orientation tuning.
    echo:        of a curve detector: largest response 150 to 210 degrees from the peak, over the peak; a unit that is
                 a double curve's has at least `both`.
    peak:        least response, as a share of that of the layer's strongest unit to the same kind of stimulus.
    corner:      by how much a corner must beat the best circle (`contrast`), for a unit that is then an angle's.

    The defaults of the first two are those under which the ten curve neurons of inception5h's mixed3b are found
    (resultants 0.89 to 0.96, echoes up to 0.03).
    """

    selectivity: float = LEAST_SELECTIVITY
    echo: float = LARGEST_ECHO
    both: float = 0.5
    peak: float = LEAST_PEAK
    corner: float = 0.1

    def __post_init__(self) -> None:
        for name in ("selectivity", "echo", "both", "peak", "corner"):
            if not 0 <= getattr(self, name) <= 1:
                raise VisaeError(f"{name} is {getattr(self, name):g}; it must be from 0 to 1")


DEFAULT_CRITERIA = Criteria()


@dataclass(frozen=True, eq=False)
class Families:
    """members: of each family, which of the `u` units belong to it; no unit belongs to two.

    orientation: of each family, the preferred orientation of every unit, member or not, in degrees.
    """

    members: dict[str, Bool[Tensor, " u"]]
    orientation: dict[str, Float[Tensor, " u"]]

    @cached_property
    def names(self) -> list[str]:
        """The family of each unit; empty for none."""
        count = len(next(iter(self.members.values())))
        named = [""] * count
        for family, members in self.members.items():
            for unit in members.nonzero().flatten().tolist():
                named[unit] = family
        return named


def families(found: Battery, criteria: Criteria = DEFAULT_CRITERIA) -> Families:
    """Sort units into families, by stimuli that are dark on grey, as those of the published sweeps are.

    What answers to light strokes alone is of no family.

    A unit is first of what it responds to most, and then of a family if it is selective for orientation:

    line:         a line is better than an edge and than any circle.
    edge:         an edge is better than a line and than any circle; its two polarities may be one to it.
    angle:        a corner is better than both and, by `corner`, than any circle.
    curve:        a circle is better than a line and an edge, and the opposite curve is nothing (`echo`).
    double_curve: the same, and the opposite curve is half as good or better (`both`).
    """
    t = found.tuned
    circle, line, edge, angle = (t[name] for name in ("circle", "line", "edge", "angle"))
    straight = torch.maximum(line.peak, edge.peak)
    cornered = (contrast(angle.peak, circle.peak) > criteria.corner) & (angle.peak > straight)
    curved = (circle.peak > straight) & ~cornered
    enough = criteria.selectivity
    members = {
        "curve": curved & strong(circle, criteria) & (circle.selectivity >= enough) & (circle.echo <= criteria.echo),
        "double_curve": curved & strong(circle, criteria) & (circle.axial >= enough) & (circle.echo >= criteria.both),
        "angle": cornered & strong(angle, criteria) & (angle.selectivity >= enough),
        "line": (line.peak > edge.peak) & (line.peak >= circle.peak) & ~cornered & selective(line, criteria),
        "edge": (edge.peak >= line.peak) & (edge.peak >= circle.peak) & ~cornered & selective(edge, criteria),
    }
    return Families(members, {family: t[of].orientation for family, of in FAMILY_STIMULUS.items()})


def strong(found: Tuned, criteria: Criteria = DEFAULT_CRITERIA) -> Bool[Tensor, " u"]:
    """Which units answer strongly enough to a stimulus for their tuning to it to say anything (`Criteria.peak`)."""
    return (found.peak > 0) & (found.peak >= criteria.peak * found.peak.max())


def selective(found: Tuned, criteria: Criteria = DEFAULT_CRITERIA) -> Bool[Tensor, " u"]:
    """Which of these are selective for orientation, opposite orientations counting as two or as one."""
    return strong(found, criteria) & (torch.maximum(found.selectivity, found.axial) >= criteria.selectivity)
