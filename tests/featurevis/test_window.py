"""Windows: that the network sees all that the objective can, and no more."""

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.featurevis._window import middle, window
from visae.featurevis.objectives import everywhere, penalty, roughness, unit
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, Network
from visae.units import neurons


@pytest.fixture(scope="module", params=[CAFFE, TENSORFLOW], ids=["caffe", "tensorflow"])
def network(request):
    torch.manual_seed(0)
    return Network("random", InceptionV1(request.param), "0")


@pytest.mark.parametrize("layer", ["conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b"])
def test_the_receptive_field_lies_just_inside(network, layer):
    found = window(network, unit(neurons(network, layer), [0]), None)
    of = network.layer(layer)
    assert found.centre - (of.receptive_field - 1) / 2 >= 0
    assert found.centre + (of.receptive_field - 1) / 2 <= found.size - 1
    assert found.size - of.receptive_field < 3 * of.stride
    assert found.centre == middle(network, layer, found.size)
    assert found.picture == of.receptive_field + 2 * found.shift
    # A picture whose middle is put there needs no resampling.
    assert (found.picture - 1) / 2 % 1 == found.centre % 1


def test_a_unit_sees_the_same_in_its_window_as_in_a_large_image(network):
    of, layer = neurons(network, "mixed3a"), network.layer("mixed3a")
    found = window(network, unit(of, [0]), None)
    large = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    far = middle(network, "mixed3a", 160)
    start = round(far - found.centre)
    small = large[:, :, start : start + found.size, start : start + found.size]
    here = of.maps(small)[0, :, of.maps(small).shape[2] // 2, of.maps(small).shape[3] // 2]
    there = of.maps(large)[0, :, round((far - layer.offset) / 8), round((far - layer.offset) / 8)]
    # Local response normalisation sees one position; nothing else reaches beyond the receptive field.
    assert torch.allclose(here, there, atol=1e-4 * there.abs().max().item())


def test_whole_maps_are_shown_the_whole_picture(network):
    assert window(network, unit(neurons(network, "mixed3a"), [0], everywhere), 64).size == 64
    assert window(network, unit(neurons(network, "mixed3a"), [0], everywhere), 61).size == 64
    assert window(network, unit(neurons(network, "mixed3a"), [0], everywhere), None).size == 120


def test_what_cannot_be():
    network = visae.network("planted", device="cpu")
    with pytest.raises(VisaeError, match="at least 8"):
        window(network, unit(neurons(network, "mixed"), [0]), 7)
    with pytest.raises(VisaeError, match="reads no layer"):
        window(network, -penalty(roughness), None)


@pytest.mark.parametrize("layer", ["mixed4e", "mixed5b"])
def test_what_sees_more_than_any_picture_is_shown_the_largest(network, layer):
    found = window(network, unit(neurons(network, layer), [0]), None)
    assert found.size <= 512 + 32
    assert found.sees == min(network.layer(layer).receptive_field, found.size)
    assert found.picture == found.sees + 2 * found.shift
