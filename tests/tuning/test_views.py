from dataclasses import replace

import pytest
import torch

import visae
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, Layer
from visae.tuning._sweep import default_radii
from visae.tuning._views import viewing, views
from visae.tuning.stimuli import stimulus


@pytest.fixture(scope="module", params=[CAFFE, TENSORFLOW])
def inception(request):
    return InceptionV1(request.param)


@pytest.mark.parametrize("name", ["conv2d0", "conv2d2", "mixed3a", "mixed3b_5x5"])
def test_the_image_holds_the_receptive_field(inception, name):
    """A larger image must not change the response."""
    layer = inception.layers[name]
    size, position, centre = viewing(layer)
    shift = 32 // layer.stride
    values = {"orientation": torch.tensor([200.0]), "radius": torch.tensor([layer.receptive_field / 2])}
    circle = stimulus("circle")
    small = inception.read(circle.images(values, size, centre), [name])[name][0, :, position, position]
    row = position + shift
    large = inception.read(circle.images(values, size + 64, centre + 32), [name])[name][0, :, row, row]
    assert torch.allclose(small, large, atol=1e-3 * float(large.abs().max()))


def test_a_receptive_field_larger_than_the_largest_image():
    layer = Layer("deep", 4, 32, 700, 30.0)
    size, position, centre = viewing(layer)
    assert size == 224
    assert abs(centre - 112) <= 16
    assert 0 <= position < 7
    assert default_radii(layer, 16)[-1] == pytest.approx(2.94 * 224, rel=1e-3)


def test_layers_without_a_common_centre_have_views_of_their_own(network):
    near, far = visae.neurons(network, "mixed"), visae.neurons(network, "truth")
    beside = replace(far, layer=replace(far.layer, offset=1.0))
    needed = views([near, far, beside])
    assert [sorted(view.positions) for view in needed] == [[0, 1], [2]]
    assert needed[1].centre == beside.layer.centre(needed[1].positions[2])
