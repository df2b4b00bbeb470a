import math

import numpy as np
import pytest

from visae.images._leaf import Leaf, lay

SIDE = 65
FLAT = np.zeros((SIDE, SIDE), dtype=np.float32)


def leaf(**changes):
    plain = dict.fromkeys(("angle", "light_x", "light_y", "noise", "grating", "wave_x", "wave_y", "phase"), 0.0)
    shape = {"is_bar": False, "x": 32.3, "y": 31.6, "along": 20.0, "across": 20.0}
    return Leaf(**{**plain, **shape, "red": 1.0, "green": 0.5, "blue": 0.25, **changes})


def painted(one, ground=0.0, noise=FLAT):
    canvas = np.full((3, SIDE, SIDE), ground, dtype=np.float32)
    lay(canvas, one, noise)
    return canvas


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, math.pi / 2, 2.5])
@pytest.mark.parametrize(
    ("is_bar", "along", "across", "area"),
    [
        (False, 20, 20, math.pi * 400),
        (False, 3, 3, math.pi * 9),
        (False, 25, 9, math.pi * 225),
        (True, 24, 6, 4 * 144),
        (True, 20, 1, 4 * 20),
    ],
)
def test_covers_its_area(is_bar, along, across, area, angle):
    red = painted(leaf(is_bar=is_bar, along=float(along), across=float(across), angle=angle))[0]
    assert red.sum() == pytest.approx(area, rel=0.02)


def test_long_axis_turns_clockwise_with_y_down():
    red = painted(leaf(is_bar=True, along=25.0, across=2.0, angle=math.radians(30)))[0]
    y, x = np.nonzero(red > 0.5)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(math.tan(math.radians(30)), abs=0.03)


def test_rim_is_soft_over_about_a_pixel():
    row = painted(leaf(x=32.5, y=32.0))[0, 32]
    assert row[12:15] == pytest.approx([0, 1, 1], abs=0.03)
    assert painted(leaf(x=32.0, y=32.0))[0, 32, 11:14] == pytest.approx([0, 0.5, 1], abs=0.03)


def test_hides_what_lies_below_and_keeps_the_rest():
    canvas = painted(leaf(), ground=0.7)
    assert canvas[:, 32, 32] == pytest.approx([1.0, 0.5, 0.25])
    assert (canvas[:, 0, :] == np.float32(0.7)).all()


@pytest.mark.parametrize(("x", "y"), [(-21.5, 30), (30, -21.5), (87, 30), (30, 87), (-300, 500)])
def test_out_of_sight_changes_nothing(x, y):
    assert (painted(leaf(x=float(x), y=float(y)), ground=0.3) == np.float32(0.3)).all()


def test_reaches_in_from_beyond_the_border():
    half = painted(leaf(x=-0.5, y=32.0))[0]
    assert half.sum() == pytest.approx(math.pi * 200, rel=0.02)


def test_light_is_linear():
    red = painted(leaf(x=32.0, y=32.0, light_x=0.01, light_y=-0.02))[0]
    assert red[32, 22] == pytest.approx(0.9)
    assert red[42, 32] == pytest.approx(0.8)


def test_grating_has_its_period():
    red = painted(leaf(x=32.0, y=32.0, grating=0.2, wave_x=2 * math.pi / 8))[0, 32]
    assert red[[32, 36, 40]] == pytest.approx([1.2, 0.8, 1.2], abs=1e-5)


def test_noise_scales_brightness():
    noise = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    green = painted(leaf(noise=0.1), noise=noise)[1]
    assert green[25:38, 25:38] == pytest.approx(0.5 * (1 + 0.1 * noise[25:38, 25:38]), abs=1e-5)
