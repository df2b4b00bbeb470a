"""Windows: the network sees all that the objective depends on, and no more."""

import pytest
import torch
from convnets import small_network

from visae._support.errors import VisaeError
from visae.featurevis._window import middle_centre, smallest_window
from visae.featurevis.objectives import everywhere, penalty, total_variation, unit
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, Network
from visae.units import neurons


@pytest.fixture(scope="module", params=[CAFFE, TENSORFLOW], ids=["caffe", "tensorflow"])
def network(request):
    torch.manual_seed(0)
    return Network("random", InceptionV1(request.param), "0")


@pytest.mark.parametrize("name", ["conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b"])
def test_the_receptive_field_just_fits(network, name):
    window = smallest_window(network, unit(neurons(network, name), [0]), None)
    layer = network.layer(name)
    assert window.centre - (layer.receptive_field - 1) / 2 >= 0
    assert window.centre + (layer.receptive_field - 1) / 2 <= window.size - 1
    assert window.size - layer.receptive_field < 3 * layer.stride
    assert window.centre == middle_centre(network, name, window.size)
    assert window.picture_size == layer.receptive_field + 2 * window.max_shift
    # A picture whose middle is put there needs no interpolation.
    assert (window.picture_size - 1) / 2 % 1 == window.centre % 1


def test_a_unit_has_the_same_value_in_its_window_as_in_a_large_image(network):
    units, layer = neurons(network, "mixed3a"), network.layer("mixed3a")
    window = smallest_window(network, unit(units, [0]), None)
    large = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    centre = middle_centre(network, "mixed3a", 160)
    start = round(centre - window.centre)
    in_window = units.maps(large[:, :, start : start + window.size, start : start + window.size])
    in_window = in_window[0, :, in_window.shape[2] // 2, in_window.shape[3] // 2]
    row = round((centre - layer.offset) / 8)
    in_image = units.maps(large)[0, :, row, row]
    # Local response normalisation reads one position; nothing else reaches beyond the receptive field.
    assert torch.allclose(in_window, in_image, atol=1e-4 * in_image.abs().max().item())


@pytest.mark.parametrize(("picture_size", "expected"), [(64, 64), (61, 64), (None, 120)])
def test_objectives_of_whole_maps_see_the_whole_picture(network, picture_size, expected):
    objective = unit(neurons(network, "mixed3a"), [0], everywhere)
    assert smallest_window(network, objective, picture_size).size == expected


def test_impossible_windows_are_refused():
    network = small_network()
    with pytest.raises(VisaeError, match=r"size is 7 px.* 8"):
        smallest_window(network, unit(neurons(network, "4"), [0]), 7)
    with pytest.raises(VisaeError, match="reads no layer"):
        smallest_window(network, -penalty(total_variation), None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed4e", "mixed5b"])
def test_the_window_of_a_deep_layer_stops_growing(network, name):
    window = smallest_window(network, unit(neurons(network, name), [0]), None)
    assert window.size <= 512 + 32
    assert window.receptive_field == min(network.layer(name).receptive_field, window.size)
    assert window.picture_size == window.receptive_field + 2 * window.max_shift
