"""Pictures of planted detectors, measured: put back through the network, and by the contours that they show."""

import pytest
import torch

import visae
from visae.examples import strongest
from visae.featurevis import Optimisation, render
from visae.featurevis._window import smallest_window
from visae.featurevis.objectives import unit
from visae.featurevis.parameterisations import Fourier
from visae.images import Leaves, Subset, open_images
from visae.units import neurons

pytestmark = pytest.mark.slow

# Every ninth planted feature that has an orientation: six curves, a line and an edge.
CHOSEN = list(range(0, 64, 9))


@pytest.fixture(scope="module")
def units():
    return neurons(visae.network("planted", device="cpu"), "truth")


@pytest.fixture(scope="module")
def result(units):
    settings = {"parameterisation": Fourier(sd=0.1), "optimisation": Optimisation(256)}
    return render(units.network, unit(units, CHOSEN), **settings)


def test_pictures_drive_their_detector_above_others_of_its_kind(units, result):
    window, features = smallest_window(units.network, unit(units, CHOSEN), None), units.network.truth.features
    first = round(window.centre - (window.picture_size - 1) / 2)
    visible = slice(-first, window.size - first)
    maps = units.maps(result.pictures[:, :, visible, visible])
    values = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
    for row, number in enumerate(CHOSEN):
        assert values[row, number] == pytest.approx(result.values[row].item(), abs=1e-3)
        same_kind = [other for other, feature in enumerate(features) if feature.kind == features[number].kind]
        assert values[row, number] == values[row, same_kind].max()


def test_pictures_drive_their_detector_above_dead_leaves_and_photographs(units, result, data):
    photographs = open_images(data / "images", crop=128, resize=144)
    sample = Subset(photographs, range(0, len(photographs), len(photographs) // 64))
    for images in (Leaves(100, 128), sample):
        best = strongest([units], images, 1)[0].value[CHOSEN, 0]
        assert (result.values > best).all(), (images.name, result.values.tolist(), best.tolist())


def test_contours_have_the_planted_orientation(units, result):
    for picture, number in zip(result.pictures, CHOSEN, strict=True):
        error = abs(orientation(picture) - units.network.truth.features[number].orientation) % 180
        assert min(error, 180 - error) <= 10


def orientation(picture):
    """The direction across the contours at the middle, 0..180: the main axis of the structure tensor.

    Smoothed by 1.5 px, as by the planted filters, and averaged within 6 px, which curves of 10 px fill.
    """
    axis = torch.arange(-6.0, 7.0)
    kernel = torch.exp(-axis.square() / (2 * 1.5**2))
    kernel = (kernel[:, None] * kernel / kernel.sum() ** 2)[None, None]
    smooth = torch.nn.functional.conv2d(picture.mean(0)[None, None], kernel)[0, 0]
    down, right = torch.gradient(smooth)
    offset = torch.arange(len(smooth)) - (len(smooth) - 1) / 2
    weight = torch.exp(-(offset[:, None].square() + offset.square()) / (2 * 6**2))
    xx, yy, xy = ((weight * first * second).sum() for first, second in ((right, right), (down, down), (right, down)))
    return (torch.rad2deg(torch.atan2(2 * xy, xx - yy)) / 2).item() % 180
