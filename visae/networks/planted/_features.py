"""The planted features: what each is, and the places around a position that its detector reads.

A detector is the minimum of the values that must be there, less the largest of those that must not, so one missing
piece of a pattern silences it.
"""

import math
from dataclasses import dataclass

CURVE_ORIENTATIONS = 24
CURVE_RADII = (10.0, 22.0)  # px
# Of arc on either side of a curve's middle: enough that a straight contour leaves it.
_CURVE_SPAN = 60  # degrees
_CURVE_STEP = 15  # degrees between the places read along the arc; divides 180 / 12, the channels' spacing
_LINE_REACH = 11.0  # px from the middle of a line or edge to its ends
_SPOT_REACH = 8.0  # px from the middle of a colour spot to its surround


@dataclass(frozen=True)
class Place:
    """A value read near a position: which channel, and where, in px right and px down of the position."""

    channel: str
    x: float
    y: float


@dataclass(frozen=True)
class Feature:
    """One planted feature, and the places that its detector reads.

    kind:        curve, line, edge or spot.
    orientation: degrees, by the project's conventions: of a curve, from its circle's centre to its rim, 0..360; of a
                 line, its normal, 0..180; of an edge, the normal that points to the light, 0..360; nan for a spot.
    radius:      px, of a curve; nan otherwise.
    """

    name: str
    kind: str
    orientation: float
    radius: float
    present: tuple[Place, ...]
    absent: tuple[Place, ...] = ()


def planted_features() -> tuple[Feature, ...]:
    """The 70 features: 48 curves (24 orientations x 2 radii), 8 lines, 8 edges with polarity, 6 colour spots."""
    turn = 360 / CURVE_ORIENTATIONS
    curves = [_curve(turn * i, radius) for radius in CURVE_RADII for i in range(CURVE_ORIENTATIONS)]
    lines = [_straight("line", 22.5 * i) for i in range(8)]
    edges = [_straight("edge", 45.0 * i) for i in range(8)]
    return (*curves, *lines, *edges, *(_spot(60 * i) for i in range(6)))


def unit(degrees: float) -> tuple[float, float]:
    """The unit vector (x right, y down) at an angle, clockwise from +x."""
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def are_rivals(one: Feature, other: Feature) -> bool:
    """Whether two detectors inhibit each other: neighbours in orientation, at the same scale or across scales."""
    if one == other or one.kind != other.kind or one.kind == "spot":
        return False
    reach = {"curve": 30.0, "line": 22.5, "edge": 45.0}[one.kind]
    period = 180.0 if one.kind == "line" else 360.0
    apart = abs(one.orientation - other.orientation) % period
    return min(apart, period - apart) <= reach


def _curve(orientation: float, radius: float) -> Feature:
    x0, y0 = unit(orientation)
    places = []
    for turn in range(-_CURVE_SPAN, _CURVE_SPAN + 1, _CURVE_STEP):
        x, y = unit(orientation + turn)
        channel = f"contour {(orientation + turn) % 180:g}"
        places.append(Place(channel, radius * (x - x0), radius * (y - y0)))
    return Feature(f"curve {orientation:g} r{radius:g}", "curve", orientation, radius, tuple(places))


def _straight(kind: str, orientation: float) -> Feature:
    x, y = unit(orientation + 90)
    steps = [_LINE_REACH * t for t in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    places = tuple(Place(f"{kind} {orientation:g}", x * t, y * t) for t in steps)
    return Feature(f"{kind} {orientation:g}", kind, orientation, math.nan, places)


def _spot(hue: int) -> Feature:
    channel = f"hue {hue}"
    around = [unit(turn) for turn in range(0, 360, 45)]
    surround = tuple(Place(channel, _SPOT_REACH * x, _SPOT_REACH * y) for x, y in around)
    return Feature(f"spot {hue}", "spot", math.nan, math.nan, (Place(channel, 0.0, 0.0),), surround)
