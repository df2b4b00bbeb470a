import dataclasses

import pytest

from visae.networks._layers import Layer


@pytest.mark.parametrize(
    ("stride", "offset", "position", "expected"),
    [(1, 0.0, 5, 5.0), (2, 0.5, 0, 0.5), (8, 3.5, 3, 27.5), (16, -0.5, 2, 31.5)],
)
def test_the_centre_of_what_a_position_sees(stride, offset, position, expected):
    assert Layer("a", 3, stride, 11, offset).centre(position) == expected


def test_layers_are_values():
    layer = Layer("a", 3, 2, 11, 0.5)
    assert layer == Layer("a", 3, 2, 11, 0.5)
    assert len({layer, Layer("a", 3, 2, 11, 0.5)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.stride = 4
