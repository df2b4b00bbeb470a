"""The definition of a curve detector that every command uses.

A curve detector responds strongly to dark circles on grey, is selective for their orientation, does not respond to the
opposite curve, and does not prefer lines, edges or corners. Responses to circles alone are not enough: units that
prefer corners or lines can be tuned to circles as sharply as curve detectors are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.tuning._responses import OrientationTuning
from visae.tuning._tuning_statistics import michelson_contrast

# The stimuli that a curve detector must not prefer to circles.
RIVALS = ("line", "edge", "angle")


@dataclass(frozen=True)
class DetectorCriteria:
    """Thresholds for detectors of curves and of the other families.

    selectivity: smallest resultant length of the orientation tuning.
    echo:        largest echo of a curve detector: its response 150 to 210 degrees from the peak, over the peak.
    double_echo: smallest echo of a double-curve detector.
    response:    smallest peak response, as a fraction of the response of the layer's strongest unit to the same
                 stimulus.
    corner:      Michelson contrast between the best corner and the best circle above which a unit prefers corners.

    Selectivity and echo are chosen so that the ten curve neurons of inception5h's mixed3b pass (resultants 0.89 to
    0.96, echoes up to 0.03). Raises `VisaeError` for a threshold outside 0..1.
    """

    selectivity: float = 0.85
    echo: float = 0.05
    double_echo: float = 0.5
    response: float = 0.1
    corner: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                raise VisaeError(f"{field.name} is {value:g}; it must be from 0 to 1")


DEFAULT_CRITERIA = DetectorCriteria()


def is_curve_detector(
    circle: OrientationTuning,
    rival_peaks: Mapping[str, Float[Tensor, " u"]],
    criteria: DetectorCriteria = DEFAULT_CRITERIA,
) -> Bool[Tensor, " u"]:
    """Decide which units are curve detectors.

    circle:      tuning to circles.
    rival_peaks: largest response to any line, edge and angle, by these names.

    They respond to circles, prefer them to lines and edges, do not prefer corners (`prefers_curves`), are selective for
    orientation, and have no echo.
    """
    sharp = (circle.selectivity >= criteria.selectivity) & (circle.echo <= criteria.echo)
    return sharp & is_responsive(circle, criteria) & prefers_curves(circle.peak, rival_peaks, criteria)


def prefers_curves(
    circle_peak: Float[Tensor, " u"],
    rival_peaks: Mapping[str, Float[Tensor, " u"]],
    criteria: DetectorCriteria = DEFAULT_CRITERIA,
) -> Bool[Tensor, " u"]:
    """Decide which units respond more to a circle than to any line and edge, and do not prefer corners."""
    straight = torch.maximum(rival_peaks["line"], rival_peaks["edge"])
    return (circle_peak > straight) & ~prefers_corners(circle_peak, rival_peaks, criteria)


def prefers_corners(
    circle_peak: Float[Tensor, " u"],
    rival_peaks: Mapping[str, Float[Tensor, " u"]],
    criteria: DetectorCriteria = DEFAULT_CRITERIA,
) -> Bool[Tensor, " u"]:
    """Decide which units respond more to a corner than to any line and edge and, by `criteria.corner`, any circle."""
    straight = torch.maximum(rival_peaks["line"], rival_peaks["edge"])
    corner = rival_peaks["angle"]
    return (michelson_contrast(corner, circle_peak) > criteria.corner) & (corner > straight)


def is_responsive(tuning: OrientationTuning, criteria: DetectorCriteria = DEFAULT_CRITERIA) -> Bool[Tensor, " u"]:
    """Decide which units respond strongly enough to a stimulus for their tuning to it to be meaningful."""
    return (tuning.peak > 0) & (tuning.peak >= criteria.response * tuning.peak.max())


def is_orientation_selective(
    tuning: OrientationTuning, criteria: DetectorCriteria = DEFAULT_CRITERIA
) -> Bool[Tensor, " u"]:
    """Decide which responsive units are selective for orientation, opposite orientations distinct or identified."""
    selective = torch.maximum(tuning.selectivity, tuning.axial) >= criteria.selectivity
    return is_responsive(tuning, criteria) & selective
