import dataclasses

import pytest

from visae._support.errors import VisaeError
from visae.networks import Layer
from visae.networks._layers import LazyLayers, check_position


@pytest.mark.parametrize(
    ("stride", "offset", "position", "expected"),
    [(1, 0.0, 5, 5.0), (2, 0.5, 0, 0.5), (8, 3.5, 3, 27.5), (16, -0.5, 2, 31.5)],
)
def test_centre_of_a_receptive_field(stride, offset, position, expected):
    assert Layer("a", 3, stride, 11, offset).centre(position) == expected


def test_layers_are_values():
    layer = Layer("a", 3, 2, 11, 0.5)
    assert layer == Layer("a", 3, 2, 11, 0.5)
    assert len({layer, Layer("a", 3, 2, 11, 0.5)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.stride = 4


def test_lazy_layers_are_measured_once_and_on_access():
    measured = []

    def measure(name):
        measured.append(name)
        return Layer(name, 3, 2, 11, 0.5)

    layers = LazyLayers(["b", "a"], measure)
    assert (list(layers), len(layers), "a" in layers, "c" in layers) == (["b", "a"], 2, True, False)
    assert not measured
    assert layers["a"] is layers["a"]
    assert measured == ["a"]


@pytest.mark.parametrize("position", [(-1, 0), (0, -1), (2, 0), (0, 3)])
def test_positions_outside_the_maps_are_errors(position):
    check_position("a", (1, 2), (2, 3))
    with pytest.raises(VisaeError, match=r"a, which have 2 rows and 3 columns"):
        check_position("a", position, (2, 3))
