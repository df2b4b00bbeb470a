"""Renders of what is planted, checked by measurement: put back through the network, and by the contours they show."""

import pytest
import torch

import visae
from visae.examples import strongest
from visae.featurevis import Optimisation, render
from visae.featurevis._window import window
from visae.featurevis.objectives import unit
from visae.featurevis.parameterisations import Fourier
from visae.images import Leaves, Subset, open_images
from visae.units import neurons

# Every ninth planted feature that has an orientation: six curves, a line and an edge.
CHOSEN = list(range(0, 64, 9))


@pytest.fixture(scope="module")
def found():
    network = visae.network("planted", device="cpu")
    of, features = neurons(network, "truth"), network.truth.features
    rendered = render(network, unit(of, CHOSEN), parameterisation=Fourier(sd=0.1), optimisation=Optimisation(256))
    shown = window(network, unit(of, CHOSEN), None)
    first = round(shown.centre - (shown.picture - 1) / 2)
    seen = rendered.pictures[:, :, -first : shown.size - first, -first : shown.size - first]
    maps = of.maps(seen)
    return of, features, rendered, maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]


def test_they_drive_their_detector_above_all_others_of_its_kind(found):
    _, features, rendered, read = found
    for place, number in enumerate(CHOSEN):
        own = read[place, number]
        assert own == pytest.approx(rendered.values[place].item(), abs=1e-3)
        kind = [other for other, feature in enumerate(features) if feature.kind == features[number].kind]
        assert own == read[place, kind].max()


def test_they_drive_it_above_any_dead_leaves_and_photographs(found, data):
    of, _, rendered, _ = found
    photographs = open_images(data / "images", crop=128, resize=144)
    some = Subset(photographs, range(0, len(photographs), len(photographs) // 64))
    for images in (Leaves(100, 128), some):
        best = strongest([of], images, 1)[0].value[CHOSEN, 0]
        assert (rendered.values > best).all(), (images.name, rendered.values.tolist(), best.tolist())


def test_the_orientation_in_the_picture_is_the_planted_one(found):
    _, features, rendered, _ = found
    for picture, number in zip(rendered.pictures, CHOSEN, strict=True):
        off = abs(orientation(picture) - features[number].orientation) % 180
        assert min(off, 180 - off) <= 10


def orientation(picture):
    """The direction across the contours at the middle, 0..180: the main axis of the structure tensor.

    Smoothed by 1.5 px, as by the planted filters, and averaged within 6 px, which curves of 10 px fill.
    """
    axis = torch.arange(-6.0, 7.0)
    kernel = torch.exp(-axis.square() / (2 * 1.5**2))
    kernel = (kernel[:, None] * kernel / kernel.sum() ** 2)[None, None]
    smooth = torch.nn.functional.conv2d(picture.mean(0)[None, None], kernel)[0, 0]
    down, right = torch.gradient(smooth)
    place = torch.arange(len(smooth)) - (len(smooth) - 1) / 2
    near = torch.exp(-(place[:, None].square() + place.square()) / (2 * 6**2))
    xx, yy, xy = ((near * one * other).sum() for one, other in ((right, right), (down, down), (right, down)))
    return (torch.rad2deg(torch.atan2(2 * xy, xx - yy)) / 2).item() % 180
