"""Families: which units detect curves, double curves, angles, lines and edges, by stated criteria."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Bool, Float
from torch import Tensor

from visae.tuning._battery import Battery
from visae.tuning._curve_detectors import (
    DEFAULT_CRITERIA,
    RIVALS,
    DetectorCriteria,
    is_curve_detector,
    is_orientation_selective,
    is_responsive,
    prefers_corners,
    prefers_curves,
)

# The stimulus that defines the orientation of a family's members.
FAMILY_STIMULUS = {"curve": "circle", "double_curve": "double_curve", "angle": "angle", "line": "line", "edge": "edge"}


@dataclass(frozen=True, eq=False)
class Families:
    """The families of `u` units.

    members:     which units belong to each family; no unit belongs to two.
    orientation: the preferred orientation of every unit, member or not, to each family's stimulus, degrees.
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


def families(battery: Battery, criteria: DetectorCriteria = DEFAULT_CRITERIA) -> Families:
    """Sort units into families by their responses to stimuli that are dark on grey, as in the published sweeps.

    Units that respond to light strokes only belong to no family. Members respond to the stimulus that they prefer, and
    are selective for its orientation:

    curve:        `is_curve_detector`.
    double_curve: a circle drives it more than any line, edge and corner, and the opposite curve at least half as much
    (`double_echo`).
    angle:        a corner drives it more than any line and edge and, by `corner`, than any circle.
    line:         a line drives it more than any edge and circle.
    edge:         an edge drives it more than any line and circle; opposite polarities may count as one.
    """
    circle, line, edge, angle = (battery.tuning[name] for name in ("circle", *RIVALS))
    rivals = {name: battery.tuning[name].peak for name in RIVALS}
    cornered = prefers_corners(circle.peak, rivals, criteria)
    doubled = (circle.axial >= criteria.selectivity) & (circle.echo >= criteria.double_echo)
    prefers_lines = (line.peak > edge.peak) & (line.peak >= circle.peak) & ~cornered
    prefers_edges = (edge.peak >= line.peak) & (edge.peak >= circle.peak) & ~cornered
    members = {
        "curve": is_curve_detector(circle, rivals, criteria),
        "double_curve": doubled & is_responsive(circle, criteria) & prefers_curves(circle.peak, rivals, criteria),
        "angle": cornered & is_responsive(angle, criteria) & (angle.selectivity >= criteria.selectivity),
        "line": prefers_lines & is_orientation_selective(line, criteria),
        "edge": prefers_edges & is_orientation_selective(edge, criteria),
    }
    orientation = {family: battery.tuning[stimulus].orientation for family, stimulus in FAMILY_STIMULUS.items()}
    return Families(members, orientation)
