import itertools
import math
from collections import Counter

import pytest

from visae.networks.planted._channels import CHANNEL_NAMES
from visae.networks.planted._features import are_rivals, planted_features, unit_vector

FEATURES = planted_features()
BY_NAME = {feature.name: feature for feature in FEATURES}


def of_kind(kind):
    return [feature for feature in FEATURES if feature.kind == kind]


def test_counts_of_planted_features():
    assert Counter(feature.kind for feature in FEATURES) == {"curve": 48, "line": 8, "edge": 8, "spot": 6}
    assert len(BY_NAME) == len(FEATURES)


# The kind, the number of orientations, the period in degrees, and the number of radii.
ORIENTATIONS = [("curve", 24, 360, 2), ("line", 8, 180, 1), ("edge", 8, 360, 1)]


@pytest.mark.parametrize(("kind", "count", "period", "radii"), ORIENTATIONS)
def test_orientations_are_spread_evenly_at_every_radius(kind, count, period, radii):
    expected = [period / count * index for index in range(count)]
    orientations = [feature.orientation for feature in of_kind(kind)]
    assert orientations == expected * radii
    assert len({(feature.orientation, str(feature.radius)) for feature in of_kind(kind)}) == count * radii


def test_only_curves_have_a_radius_and_spots_have_no_orientation():
    assert all(feature.radius > 0 for feature in of_kind("curve"))
    assert all(math.isnan(feature.radius) for feature in FEATURES if feature.kind != "curve")
    assert all(math.isnan(feature.orientation) for feature in of_kind("spot"))


def test_every_sampled_channel_exists():
    channels = {point.channel for feature in FEATURES for point in (*feature.present, *feature.absent)}
    assert channels <= set(CHANNEL_NAMES)


@pytest.mark.parametrize("feature", of_kind("curve"), ids=lambda feature: feature.name)
def test_a_curve_samples_contours_along_its_own_circle(feature):
    x, y = unit_vector(feature.orientation)
    centre = (-feature.radius * x, -feature.radius * y)
    turns = []
    for point in feature.present:
        across, down = point.x - centre[0], point.y - centre[1]
        assert math.hypot(across, down) == pytest.approx(feature.radius)
        normal = math.degrees(math.atan2(down, across))
        assert point.channel.startswith("contour ")
        apart = abs(float(point.channel.removeprefix("contour ")) - normal) % 180
        assert min(apart, 180 - apart) < 1e-9
        turns.append((normal - feature.orientation + 180) % 360 - 180)
    assert max(turns) == pytest.approx(-min(turns))
    assert min(abs(turn) for turn in turns) < 1e-9


@pytest.mark.parametrize("feature", [*of_kind("line"), *of_kind("edge")], ids=lambda feature: feature.name)
def test_lines_and_edges_sample_their_own_channel_across_their_normal(feature):
    x, y = unit_vector(feature.orientation)
    for point in feature.present:
        assert point.channel == f"{feature.kind} {feature.orientation:g}"
        assert point.x * x + point.y * y == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(0, (1, 0)), (90, (0, 1)), (180, (-1, 0)), (45, (0.5**0.5, 0.5**0.5))]
)
def test_angles_are_clockwise_from_the_right(degrees, expected):
    assert unit_vector(degrees) == pytest.approx(expected)


RIVALS = [
    ("curve 0 r10", "curve 15 r10", True),
    ("curve 0 r10", "curve 345 r10", True),
    ("curve 0 r10", "curve 0 r22", True),
    ("curve 0 r10", "curve 15 r22", True),
    ("curve 0 r10", "curve 90 r10", False),
    ("curve 0 r10", "curve 180 r10", False),
    ("line 0", "line 157.5", True),
    ("line 0", "line 90", False),
    ("edge 0", "edge 315", True),
    ("edge 0", "edge 180", False),
    ("edge 0", "line 0", False),
    ("spot 0", "spot 60", False),
]


@pytest.mark.parametrize(("a", "b", "expected"), RIVALS)
def test_neighbours_in_orientation_and_scale_are_rivals(a, b, expected):
    assert are_rivals(BY_NAME[a], BY_NAME[b]) is expected


def test_rivalry_is_symmetric_and_never_with_oneself():
    for a, b in itertools.combinations(FEATURES, 2):
        assert are_rivals(a, b) == are_rivals(b, a)
    assert not any(are_rivals(feature, feature) for feature in FEATURES)
