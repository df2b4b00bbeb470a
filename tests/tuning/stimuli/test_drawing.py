"""Every pattern against brute force: the average over a dense grid of points in each pixel."""

import math

import numpy as np
import pytest
import torch

from visae.tuning.stimuli import STIMULI, stimulus

FINE = 8  # points a side of every pixel


def points(size, centre, orientation):
    """Return px along and across an orientation, at FINE x FINE points in every pixel."""
    offsets = (np.arange(FINE) + 0.5) / FINE - 0.5
    axis = (np.arange(size)[:, None] + offsets[None, :]).ravel() - centre
    angle = math.radians(orientation)
    x, y = axis[None, :], axis[:, None]
    return x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)


def averaged(values, size):
    return values.reshape(size, FINE, size, FINE).mean((1, 3))


def on_circle(along, across, radius, width):
    return np.abs(np.hypot(along + radius, across) - radius) <= width / 2


def on_arc(along, across, radius, width, span):
    angle = np.degrees(np.arctan2(across, along + radius))
    ends = [
        (radius * math.cos(e) - radius, radius * math.sin(e)) for e in (math.radians(span / 2) * s for s in (1, -1))
    ]
    caps = np.any([np.hypot(along - x, across - y) <= width / 2 for x, y in ends], axis=0)
    return (on_circle(along, across, radius, width) & (np.abs(angle) <= span / 2)) | caps


def on_double(along, across, radius, width, gap):
    sides = [np.abs(np.hypot(s * along - radius - gap / 2, across) - radius) <= width / 2 for s in (1, -1)]
    return sides[0] | sides[1]


def on_line(along, across, width, length):
    ends = np.hypot(along, np.maximum(np.abs(across) - length / 2, 0))
    return ends <= width / 2


def on_angle(along, across, opening, width):
    inked = np.zeros(np.broadcast(along, across).shape, dtype=bool)
    for sign in (1, -1):
        turn = math.radians(180 + sign * opening / 2)
        forth = along * math.cos(turn) + across * math.sin(turn)
        beside = np.abs(across * math.cos(turn) - along * math.sin(turn))
        inked |= np.where(forth >= 0, beside, np.hypot(along, across)) <= width / 2
    return inked


INK = {
    "circle": (on_circle, {"radius": 9.0, "width": 2.0}),
    "disc": (lambda along, across, radius: np.hypot(along + radius, across) <= radius, {"radius": 11.0}),
    "arc": (on_arc, {"radius": 12.0, "width": 3.0, "span": 100.0}),
    "double_curve": (on_double, {"radius": 10.0, "width": 2.0, "gap": 5.0}),
    "line": (on_line, {"width": 2.5, "length": 14.0}),
    "angle": (on_angle, {"opening": 70.0, "width": 3.0}),
}
VIEWS = [(0.0, 32, 15.5), (90.0, 32, 16.0), (215.0, 33, 14.25), (301.0, 40, 19.0)]


def drawn(kind, orientation, size, centre, **settings):
    values = {name: torch.tensor([float(value)]) for name, value in {"orientation": orientation, **settings}.items()}
    image = stimulus(kind).images(values, size, centre)
    assert image.shape == (1, 3, size, size)
    return image[0].double().numpy()


@pytest.mark.parametrize(("orientation", "size", "centre"), VIEWS)
@pytest.mark.parametrize("kind", INK)
def test_ink_covers_the_fraction_of_a_pixel_that_is_inked(kind, orientation, size, centre):
    inside, settings = INK[kind]
    along, across = points(size, centre, orientation)
    slow = 1 - averaged(inside(along, across, **settings).astype(float), size)
    fast = drawn(kind, orientation, size, centre, **settings)
    assert (fast[0] == fast[1]).all()
    # Coverage is computed from the distance to the middle of the pixel: at corners it is right to a fifth.
    assert np.abs(fast[0] - slow).max() < 0.2
    assert np.abs(fast[0] - slow).mean() < 0.006


@pytest.mark.parametrize(("orientation", "size", "centre"), VIEWS)
@pytest.mark.parametrize("blur", [0.0, 6.0])
def test_an_edge_is_light_where_it_points(orientation, size, centre, blur):
    along, _ = points(size, centre, orientation)
    light = np.clip(along / blur + 0.5, 0, 1) if blur else (along > 0).astype(float)
    np.testing.assert_allclose(drawn("edge", orientation, size, centre, blur=blur)[0], averaged(light, size), atol=0.13)


@pytest.mark.parametrize(("orientation", "size", "centre"), VIEWS)
def test_waves_follow_their_formulas(orientation, size, centre):
    axis = np.arange(size) - centre
    turn = math.radians(orientation)
    along = axis[None] * math.cos(turn) + axis[:, None] * math.sin(turn)
    across = -axis[None] * math.sin(turn) + axis[:, None] * math.cos(turn)
    wave = np.cos(2 * np.pi * along / 7 + np.radians(40))
    grating = drawn("grating", orientation, size, centre, wavelength=7, phase=40)
    np.testing.assert_allclose(grating, np.broadcast_to(0.5 + wave / 2, grating.shape), atol=1e-4)
    gabor = drawn("gabor", orientation, size, centre, wavelength=7, phase=40, sigma=4)
    window = np.exp(-(along**2 + across**2) / 2 / 4**2)
    np.testing.assert_allclose(gabor[1], 0.5 + window * wave / 2, atol=1e-4)
    low, high = (np.cos(2 * np.pi * along / w) * np.cos(2 * np.pi * across / w) for w in (12, 4))
    boundary = drawn("frequency_boundary", orientation, size, centre, wavelength=12, ratio=3)[2]
    for side, texture in ((along > 1, high), (along < -1, low)):
        np.testing.assert_allclose(boundary[side], (0.5 + texture / 2)[side], atol=1e-3)


@pytest.mark.parametrize("hue", [0.0, 50.0, 120.0])
def test_both_sides_of_a_colour_edge_are_equally_light(hue):
    image = drawn("colour_edge", 30.0, 32, 15.5, hue=hue)
    np.testing.assert_allclose(image.mean(0), 0.5, atol=1e-6)
    bright, opposite = image[:, 28, 28], image[:, 3, 3]
    np.testing.assert_allclose(bright + opposite, 1, atol=1e-6)
    expected = [0.5 + 0.5 * math.cos(math.radians(hue - third)) for third in (0, 120, 240)]
    np.testing.assert_allclose(bright, expected, atol=1e-5)


@pytest.mark.parametrize("kind", STIMULI)
def test_contrast_reverses_and_weakens_about_grey(kind):
    full, reversed_, half, none = (drawn(kind, 20.0, 24, 11.5, contrast=c) for c in (1.0, -1.0, 0.5, 0.0))
    np.testing.assert_allclose(reversed_, 1 - full, atol=1e-6)
    np.testing.assert_allclose(half - 0.5, (full - 0.5) / 2, atol=1e-6)
    assert (none == 0.5).all()
    assert full.std() > 0.05
    default = drawn(kind, 20.0, 24, 11.5)
    np.testing.assert_allclose(default, full if stimulus(kind).contrast > 0 else reversed_, atol=1e-6)


@pytest.mark.parametrize("kind", STIMULI)
def test_x_and_y_shift_right_and_down(kind):
    moved, still = drawn(kind, 75.0, 32, 15.0, x=3.0, y=5.0), drawn(kind, 75.0, 32, 15.0)
    np.testing.assert_allclose(moved[:, 5:, 3:], still[:, :-5, :-3], atol=1e-4)


@pytest.mark.parametrize("kind", STIMULI)
@pytest.mark.parametrize("orientation", [0.0, 17.0, 110.0, 250.0])
def test_rotating_the_orientation_by_90_degrees_rotates_the_image(kind, orientation):
    """Clockwise: for an image whose rows run down, rot90 with k = -1."""
    size, centre = 33, 16.0
    turned = np.rot90(drawn(kind, orientation, size, centre), -1, axes=(1, 2))
    np.testing.assert_allclose(drawn(kind, orientation + 90, size, centre), turned, atol=2e-3)


@pytest.mark.parametrize("kind", STIMULI)
def test_orientations_repeat_after_their_period_and_not_before(kind):
    first, half, whole = (drawn(kind, 33.0 + turn * stimulus(kind).period, 32, 15.5) for turn in (0, 0.5, 1))
    np.testing.assert_allclose(whole, first, atol=2e-3)
    assert np.abs(half - first).max() > 0.3


LENGTHS = {"radius", "width", "fade", "gap", "length", "blur", "wavelength", "sigma"}


@pytest.mark.parametrize("kind", STIMULI)
def test_lengths_scale_with_the_image(kind):
    """Twice the lengths on an image of twice the size give the same image."""
    parameters = stimulus(kind).parameters
    lengths = {name: parameters[name].default for name in LENGTHS & parameters.keys()}
    if kind == "edge":
        lengths["blur"] = 4.0
    small = drawn(kind, 40.0, 32, 15.5, **lengths)
    large = drawn(kind, 40.0, 64, 31.5, **{name: 2 * value for name, value in lengths.items()})
    shrunk = large.reshape(3, 32, 2, 32, 2).mean((2, 4))
    # Waves are sampled at the centres of pixels: small pixels show finer detail.
    assert np.abs(shrunk - small).mean() < 0.03
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.995


def test_ink_fades_with_the_distance_from_the_point():
    full, faded = (drawn("circle", 0.0, 65, 32.0, radius=12, fade=fade)[0] for fade in (math.inf, 8.0))
    axis = np.arange(65) - 32.0
    weight = np.exp(-(axis[None] ** 2 + axis[:, None] ** 2) / 2 / 8**2)
    np.testing.assert_allclose(1 - faded, (1 - full) * weight, atol=1e-5)


def test_a_stroke_thinner_than_a_pixel_is_as_dark_as_it_is_wide():
    line = 1 - drawn("line", 0.0, 33, 16.0, width=0.25)[0]
    assert line[16, 16] == pytest.approx(0.25)
    assert line[16].sum() == pytest.approx(0.25, abs=0.15)


def test_an_angle_of_180_degrees_is_a_line():
    np.testing.assert_allclose(
        drawn("angle", 25.0, 33, 16.0, opening=180, width=3), drawn("line", 25.0, 33, 16.0, width=3), atol=1e-5
    )


@pytest.mark.parametrize("kind", ["circle", "disc", "arc", "angle"])
def test_curves_bulge_the_way_they_are_oriented(kind):
    """The ink lies on the side opposite to the orientation."""
    ink = 1 - drawn(kind, 0.0, 65, 32.0)[0]
    assert ink[32, 32] > 0.4
    assert ink[:, 35:].sum() < 0.5
    assert ink[:, :30].sum() > 5


def test_a_batch_equals_single_images():
    values = {"orientation": torch.tensor([0.0, 77.0, 200.0]), "radius": torch.tensor([5.0, 9.0, 30.0])}
    together = stimulus("circle").images(values, 24, 11.5)
    alone = [
        stimulus("circle").images({name: column[i : i + 1] for name, column in values.items()}, 24, 11.5)
        for i in range(3)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)
