import hashlib
import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.images import Images, Leaves, to_float
from visae.images._dead_leaves import EXPONENT, Leaf, paint_leaf, power_law


@pytest.fixture(scope="module")
def sample():
    leaves = Leaves(16, size=128)
    return to_float(torch.stack([leaves.read(index)[0] for index in range(16)]))


def test_leaves_implement_images():
    leaves = Leaves(20, size=64)
    assert isinstance(leaves, Images)
    assert (leaves.name, leaves.size, len(leaves), leaves.key(17)) == ("leaves:20", 64, 20, "leaf 17")


@pytest.mark.parametrize("size", [8, 33, 128, 224])
def test_read_returns_pixels_and_their_digest(size):
    pixels, digest = Leaves(3, size).read(2)
    assert pixels.shape == (3, size, size)
    assert digest == hashlib.sha256(bytes(pixels.flatten().tolist())).hexdigest()


def test_an_image_depends_on_the_seed_and_its_index_only():
    first, second = Leaves(5, 32, seed=5), Leaves(400, 32, seed=5)
    forward = [first.read(index)[1] for index in range(5)]
    backward = [second.read(index)[1] for index in reversed(range(5))]
    assert forward == backward[::-1]
    assert len(set(forward)) == 5


def test_seeds_give_different_images():
    assert Leaves(1, 64, seed=0).read(0)[1] != Leaves(1, 64, seed=1).read(0)[1]


@pytest.mark.parametrize(("changed", "value"), [("count", 4), ("size", 32), ("seed", 2)])
def test_settings_identify_the_source(changed, value):
    same = {"count": 3, "size": 16, "seed": 1}
    assert Leaves(**same).settings() == Leaves(**same).settings()
    assert Leaves(**same).settings() != Leaves(**{**same, changed: value}).settings()


@pytest.mark.parametrize("index", [-1, 3])
def test_indices_out_of_range(index):
    with pytest.raises(IndexError, match=f"image {index} of 3"):
        Leaves(3).read(index)
    with pytest.raises(IndexError, match=f"image {index} of 3"):
        Leaves(3).key(index)


@pytest.mark.parametrize(("count", "size", "message"), [(0, 64, "found 0 leaves"), (3, 7, "leaves of 7 px")])
def test_zero_images_and_tiny_images_are_refused(count, size, message):
    with pytest.raises(VisaeError, match=message):
        Leaves(count, size)


@pytest.mark.parametrize(("low", "high", "exponent"), [(3.0, 64.0, EXPONENT), (1.0, 8.0, 2.0), (5.0, 50.0, 1.5)])
def test_the_power_law_has_its_distribution(low, high, exponent):
    uniform = torch.rand(20_000, generator=generator(0, "test"), dtype=torch.float64).numpy()
    sizes = np.sort(power_law(uniform, low, high, exponent))
    grid = np.linspace(low, high, 200_001)
    density = grid**-exponent
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    expected = np.interp(sizes, grid, cumulative / cumulative[-1])
    # The critical value of the Kolmogorov-Smirnov test at 1%.
    assert np.abs(expected - (np.arange(len(sizes)) + 0.5) / len(sizes)).max() < 1.63 / np.sqrt(len(sizes))
    assert low <= sizes[0]
    assert sizes[-1] <= high


def test_images_use_the_range_of_brightness(sample):
    assert sample.quantile(0.02) < 0.1
    assert sample.quantile(0.98) > 0.8
    assert 0.3 < sample.mean() < 0.6


def test_images_have_greys_and_colours_of_every_hue(sample):
    high, low = sample.amax(1), sample.amin(1)
    saturation = (high - low) / high.clamp(min=0.05)
    assert (saturation < 0.15).float().mean() > 0.25
    assert (saturation > 0.35).float().mean() > 0.25
    strongest = sample.argmax(1)[saturation > 0.5].bincount(minlength=3).float()
    assert (strongest / strongest.sum() > 0.2).all()


def test_every_image_has_edges(sample):
    gray = sample.mean(1)
    steep = (gray.diff(dim=2)[:, :-1].square() + gray.diff(dim=1)[:, :, :-1].square()).sqrt() > 0.1
    assert (steep.float().mean((1, 2)) > 0.04).all()


def test_edges_have_no_preferred_direction(sample):
    gray = sample.mean(1)
    across, down = gray.diff(dim=2).square().mean(), gray.diff(dim=1).square().mean()
    assert 0.85 < across / down < 1.18


def test_the_spectrum_falls_as_in_natural_images(sample):
    gray = sample.mean(1) - sample.mean((1, 2, 3))[:, None, None]
    window = torch.hann_window(128)[:, None] * torch.hann_window(128)
    power = torch.fft.fft2(gray * window).abs().square().mean(0)
    frequency = torch.fft.fftfreq(128)
    ring = (128 * torch.hypot(frequency[:, None], frequency)).round().long()
    mean = torch.bincount(ring.flatten(), power.flatten()) / torch.bincount(ring.flatten())
    slope = np.polyfit(np.log(np.arange(4, 33)), np.log(mean[4:33].numpy()), 1)[0]
    assert -2.6 < slope < -1.6


SIDE = 65
FLAT = np.zeros((SIDE, SIDE), dtype=np.float32)


def leaf(**changes):
    plain = dict.fromkeys(("angle", "light_x", "light_y", "noise", "grating", "wave_x", "wave_y", "phase"), 0.0)
    shape = {"is_bar": False, "x": 32.3, "y": 31.6, "along": 20.0, "across": 20.0}
    return Leaf(**{**plain, **shape, "red": 1.0, "green": 0.5, "blue": 0.25, **changes})


def painted(item, ground=0.0, noise=FLAT):
    canvas = np.full((3, SIDE, SIDE), ground, dtype=np.float32)
    paint_leaf(canvas, item, noise)
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
def test_a_leaf_covers_its_area(is_bar, along, across, area, angle):
    red = painted(leaf(is_bar=is_bar, along=float(along), across=float(across), angle=angle))[0]
    assert red.sum() == pytest.approx(area, rel=0.02)


def test_the_long_axis_rotates_clockwise_with_y_down():
    red = painted(leaf(is_bar=True, along=25.0, across=2.0, angle=math.radians(30)))[0]
    y, x = np.nonzero(red > 0.5)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(math.tan(math.radians(30)), abs=0.03)


def test_the_rim_is_antialiased_over_about_a_pixel():
    row = painted(leaf(x=32.5, y=32.0))[0, 32]
    assert row[12:15] == pytest.approx([0, 1, 1], abs=0.03)
    assert painted(leaf(x=32.0, y=32.0))[0, 32, 11:14] == pytest.approx([0, 0.5, 1], abs=0.03)


def test_a_leaf_occludes_what_is_below_and_keeps_the_rest():
    canvas = painted(leaf(), ground=0.7)
    assert canvas[:, 32, 32] == pytest.approx([1.0, 0.5, 0.25])
    assert (canvas[:, 0, :] == np.float32(0.7)).all()


@pytest.mark.parametrize(("x", "y"), [(-21.5, 30), (30, -21.5), (87, 30), (30, 87), (-300, 500)])
def test_a_leaf_outside_the_image_changes_nothing(x, y):
    assert (painted(leaf(x=float(x), y=float(y)), ground=0.3) == np.float32(0.3)).all()


def test_a_leaf_centred_outside_reaches_into_the_image():
    half = painted(leaf(x=-0.5, y=32.0))[0]
    assert half.sum() == pytest.approx(math.pi * 200, rel=0.02)


def test_shading_is_linear():
    red = painted(leaf(x=32.0, y=32.0, light_x=0.01, light_y=-0.02))[0]
    assert red[32, 22] == pytest.approx(0.9)
    assert red[42, 32] == pytest.approx(0.8)


def test_the_grating_has_its_period():
    red = painted(leaf(x=32.0, y=32.0, grating=0.2, wave_x=2 * math.pi / 8))[0, 32]
    assert red[[32, 36, 40]] == pytest.approx([1.2, 0.8, 1.2], abs=1e-5)


def test_noise_scales_brightness():
    noise = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    green = painted(leaf(noise=0.1), noise=noise)[1]
    assert green[25:38, 25:38] == pytest.approx(0.5 * (1 + 0.1 * noise[25:38, 25:38]), abs=1e-5)
