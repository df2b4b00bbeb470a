"""The planted features, and the points around a position that each feature's detector samples.

A detector is the minimum over the values that must be present, minus the maximum over those that must be absent, so a
single missing piece of a pattern silences it.
"""

import math
from dataclasses import dataclass

CURVE_ORIENTATIONS = 24
CURVE_RADII = (10.0, 22.0)  # px
# Arc on either side of a curve's middle: long enough that a straight contour leaves it.
_CURVE_SPAN = 60  # degrees
_CURVE_STEP = 15  # degrees between points sampled along the arc; divides 180 / 12, the channels' spacing
_LINE_REACH = 11.0  # px from the middle of a line or edge to its ends
_SPOT_REACH = 8.0  # px from the middle of a colour spot to its surround


@dataclass(frozen=True)
class SamplePoint:
    """A value that a detector reads: the channel's name, and the offset from the position in px right and px down."""

    channel: str
    x: float
    y: float


@dataclass(frozen=True)
class PlantedFeature:
    """A planted feature, and the points that its detector samples.

    kind:         curve, line, edge or spot.
    orientation:  degrees, clockwise from +x: for a curve, from its circle's centre to its rim, 0..360; for a line, its
                  normal, 0..180; for an edge, the normal that points to the light side, 0..360; nan for a spot.
    radius:       px, for a curve; nan otherwise.
    """

    name: str
    kind: str
    orientation: float
    radius: float
    present: tuple[SamplePoint, ...]
    absent: tuple[SamplePoint, ...] = ()


def planted_features() -> tuple[PlantedFeature, ...]:
    """Return the 70 features: 48 curves (24 orientations x 2 radii), 8 lines, 8 edges with polarity, 6 colour spots."""
    spacing = 360 / CURVE_ORIENTATIONS
    curves = [_curve(spacing * i, radius) for radius in CURVE_RADII for i in range(CURVE_ORIENTATIONS)]
    lines = [_straight("line", 22.5 * i) for i in range(8)]
    edges = [_straight("edge", 45.0 * i) for i in range(8)]
    return (*curves, *lines, *edges, *(_spot(60 * i) for i in range(6)))


def unit_vector(degrees: float) -> tuple[float, float]:
    """Return the unit vector (x right, y down) at an angle, clockwise from +x."""
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def are_rivals(a: PlantedFeature, b: PlantedFeature) -> bool:
    """Return whether two detectors inhibit each other: neighbours in orientation, at the same or at another scale."""
    if a == b or a.kind != b.kind or a.kind == "spot":
        return False
    reach = {"curve": 30.0, "line": 22.5, "edge": 45.0}[a.kind]
    period = 180.0 if a.kind == "line" else 360.0
    apart = abs(a.orientation - b.orientation) % period
    return min(apart, period - apart) <= reach


def _curve(orientation: float, radius: float) -> PlantedFeature:
    x0, y0 = unit_vector(orientation)
    points = []
    for turn in range(-_CURVE_SPAN, _CURVE_SPAN + 1, _CURVE_STEP):
        x, y = unit_vector(orientation + turn)
        channel = f"contour {(orientation + turn) % 180:g}"
        points.append(SamplePoint(channel, radius * (x - x0), radius * (y - y0)))
    return PlantedFeature(f"curve {orientation:g} r{radius:g}", "curve", orientation, radius, tuple(points))


def _straight(kind: str, orientation: float) -> PlantedFeature:
    x, y = unit_vector(orientation + 90)
    steps = [_LINE_REACH * t for t in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    points = tuple(SamplePoint(f"{kind} {orientation:g}", x * t, y * t) for t in steps)
    return PlantedFeature(f"{kind} {orientation:g}", kind, orientation, math.nan, points)


def _spot(hue: int) -> PlantedFeature:
    channel = f"hue {hue}"
    directions = [unit_vector(turn) for turn in range(0, 360, 45)]
    surround = tuple(SamplePoint(channel, _SPOT_REACH * x, _SPOT_REACH * y) for x, y in directions)
    return PlantedFeature(f"spot {hue}", "spot", math.nan, math.nan, (SamplePoint(channel, 0.0, 0.0),), surround)
