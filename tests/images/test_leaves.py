import hashlib

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.images import Images, Leaves
from visae.images._leaves import EXPONENT, power_law


@pytest.fixture(scope="module")
def sample():
    leaves = Leaves(24, size=128)
    return torch.stack([leaves.read(index)[0] for index in range(24)]).float() / 255


def test_fulfils_images():
    leaves = Leaves(20, size=64)
    assert isinstance(leaves, Images)
    assert (leaves.name, leaves.size, len(leaves), leaves.key(17)) == ("leaves:20", 64, 20, "leaf 17")


@pytest.mark.parametrize("size", [8, 33, 128, 224])
def test_gives_pixels_and_their_digest(size):
    pixels, digest = Leaves(3, size).read(2)
    assert pixels.shape == (3, size, size)
    assert digest == hashlib.sha256(bytes(pixels.flatten().tolist())).hexdigest()


def test_image_depends_on_seed_and_index_alone():
    first, second = Leaves(9, 64, seed=5), Leaves(400, 64, seed=5)
    forward = [first.read(index)[1] for index in range(9)]
    backward = [second.read(index)[1] for index in reversed(range(9))]
    assert forward == backward[::-1]
    assert len(set(forward)) == 9


def test_seeds_differ():
    assert Leaves(1, 64, seed=0).read(0)[1] != Leaves(1, 64, seed=1).read(0)[1]


@pytest.mark.parametrize(("changed", "value"), [("count", 4), ("size", 32), ("seed", 2)])
def test_settings_tell_sources_apart(changed, value):
    same = {"count": 3, "size": 16, "seed": 1}
    assert Leaves(**same).settings() == Leaves(**same).settings()
    assert Leaves(**same).settings() != Leaves(**{**same, changed: value}).settings()


@pytest.mark.parametrize("index", [-1, 3])
def test_index_beyond_the_end(index):
    with pytest.raises(IndexError, match=f"image {index} of 3"):
        Leaves(3).read(index)
    with pytest.raises(IndexError, match=f"image {index} of 3"):
        Leaves(3).key(index)


@pytest.mark.parametrize(("count", "size", "message"), [(0, 64, "found 0 leaves"), (3, 7, "leaves of 7 px")])
def test_refuses_no_images_and_tiny_ones(count, size, message):
    with pytest.raises(VisaeError, match=message):
        Leaves(count, size)


@pytest.mark.parametrize(("low", "high", "exponent"), [(3.0, 64.0, EXPONENT), (1.0, 8.0, 2.0), (5.0, 50.0, 1.5)])
def test_power_law_has_its_distribution(low, high, exponent):
    uniform = torch.rand(20_000, generator=generator(0, "test"), dtype=torch.float64).numpy()
    sizes = np.sort(power_law(uniform, low, high, exponent))
    grid = np.linspace(low, high, 200_001)
    density = grid**-exponent
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    expected = np.interp(sizes, grid, cumulative / cumulative[-1])
    # The 1% point of Kolmogorov's statistic.
    assert np.abs(expected - (np.arange(len(sizes)) + 0.5) / len(sizes)).max() < 1.63 / np.sqrt(len(sizes))
    assert low <= sizes[0]
    assert sizes[-1] <= high


def test_uses_the_range_of_brightness(sample):
    assert sample.quantile(0.02) < 0.1
    assert sample.quantile(0.98) > 0.8
    assert 0.3 < sample.mean() < 0.6


def test_has_greys_and_colours_of_every_hue(sample):
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


def test_spectrum_falls_as_in_natural_images(sample):
    gray = sample.mean(1) - sample.mean((1, 2, 3))[:, None, None]
    window = torch.hann_window(128)[:, None] * torch.hann_window(128)
    power = torch.fft.fft2(gray * window).abs().square().mean(0)
    frequency = torch.fft.fftfreq(128)
    ring = (128 * torch.hypot(frequency[:, None], frequency)).round().long()
    mean = torch.bincount(ring.flatten(), power.flatten()) / torch.bincount(ring.flatten())
    slope = np.polyfit(np.log(np.arange(4, 33)), np.log(mean[4:33].numpy()), 1)[0]
    assert -2.6 < slope < -1.6
