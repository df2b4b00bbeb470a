import pytest
import torch

import visae
from visae.tuning.stimuli import stroke_circles
from visae.tuning.sweep import default_radii, viewing
from visae.units import Units
from visae.zoo.inception import CAFFE, TENSORFLOW, InceptionV1
from visae.zoo.layers import Layer
from visae.zoo.planted import Planted


@pytest.fixture(scope="module", params=["stroke", "filled"])
def planted_curves(request):
    network = visae.network("planted", device="cpu")
    return visae.curves(visae.neurons(network, "truth"), stimulus=request.param)


def test_every_planted_curve_orientation_is_recovered_to_within_5_degrees(planted_curves):
    planted = [feature for feature in Planted().features if feature.kind == "curve"]
    true = torch.tensor([feature.orientation for feature in planted])
    found = planted_curves.preferred[: len(planted)]
    apart = (found - true + 180).remainder(360) - 180
    assert len(planted) == 48
    assert apart.abs().max() < 5


def test_the_planted_curves_and_nothing_else_count_as_detectors():
    found = visae.curves(visae.neurons(visae.network("planted", device="cpu"), "truth"))
    expected = torch.tensor([feature.kind == "curve" for feature in Planted().features])
    assert torch.equal(found.detectors, expected)
    assert found.max_gap == pytest.approx(15, abs=3)


def test_planted_radius_is_the_radius_of_the_largest_response():
    network = visae.network("planted", device="cpu")
    found = visae.curves(visae.neurons(network, "truth"), radii=torch.tensor([5.0, 10.0, 22.0, 50.0]))
    best = found.response[:48].amax(2).argmax(1)
    assert best.tolist() == [1] * 24 + [2] * 24


def test_response_is_that_of_the_network_to_each_stimulus():
    network = visae.network("planted", device="cpu")
    units = visae.neurons(network, "mixed")
    found = visae.curves(units, orientations=8, radii=torch.tensor([10.0, 22.0]), batch=3)
    size, position, centre = viewing(units.layer)
    for r, radius in enumerate(found.radii):
        for o, orientation in enumerate(found.orientations):
            image = stroke_circles(orientation[None], radius[None], size, centre)
            alone = units.maps(image)[0, :, position, position]
            assert torch.allclose(found.response[:, r, o], alone, atol=1e-5)


def test_axes_and_shapes():
    units = visae.neurons(visae.network("planted", device="cpu"), "mixed")
    found = visae.curves(units, orientations=12, radii=3)
    assert found.response.shape == (48, 3, 12)
    assert found.orientations.tolist() == [30.0 * i for i in range(12)]
    ratios = found.radii[1:] / found.radii[:-1]
    assert ratios[0].item() == pytest.approx(ratios[1].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"stimulus": "dotted"}, "dotted"), ({"orientations": 4}, "4 orientations"), ({"radii": 0}, "0 radii")],
)
def test_what_cannot_be_swept_is_refused(options, words):
    units = visae.neurons(visae.network("planted", device="cpu"), "mixed")
    with pytest.raises(visae.VisaeError, match=words):
        visae.curves(units, **options)


@pytest.mark.parametrize("flavour", [CAFFE, TENSORFLOW])
@pytest.mark.parametrize("name", ["conv2d0", "conv2d2", "mixed3a", "mixed3b_5x5"])
def test_the_image_shows_all_that_the_position_sees(flavour, name):
    """A larger image must not change the response: what is cut off was never seen."""
    network = InceptionV1(flavour)
    layer = network.layers[name]
    size, position, centre = viewing(layer)
    larger = size + 64
    shift = 32 // layer.stride
    args = torch.tensor([200.0]), torch.tensor([layer.receptive_field / 2])
    small = network.read(stroke_circles(*args, size, centre), [name])[name][0, :, position, position]
    at = position + shift
    large = network.read(stroke_circles(*args, larger, centre + 32), [name])[name][0, :, at, at]
    assert torch.allclose(small, large, atol=1e-3 * float(large.abs().max()))


def test_a_layer_that_sees_more_than_the_largest_image_is_still_shown_one():
    layer = Layer("deep", 4, 32, 700, 30.0)
    size, position, centre = viewing(layer)
    assert size == 224
    assert abs(centre - 112) <= 16
    assert 0 <= position < 7
    assert default_radii(layer, 16)[-1] == pytest.approx(2.94 * 224, rel=1e-3)


def test_units_of_a_module_are_swept():
    conv = torch.nn.Conv2d(3, 5, 9, stride=4, padding=4)
    network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"])
    units = visae.neurons(network, "1")
    assert isinstance(units, Units)
    assert units.layer.receptive_field == 9
    assert visae.curves(units, orientations=8, radii=2).response.shape == (5, 2, 8)
