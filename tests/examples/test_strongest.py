"""Dataset examples: against sorting everything."""

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.examples import join_examples, strongest
from visae.images import Leaves, batches
from visae.units import join_units, neurons


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def everything(units, images):
    pixels = torch.cat([batch.pixels for batch in batches(images)]).float() / 255
    return units.maps(pixels)


@pytest.mark.parametrize("margin", [0.0, 30.0])
def test_they_are_the_strongest_position_of_each_image(network, margin):
    units, images = neurons(network, "mixed"), Leaves(20, 96, seed=3)
    found = strongest([units], images, 5, margin)[0]
    maps = everything(units, images)
    centres = [units.layer.centre(place) for place in range(maps.shape[3])]
    outside = torch.tensor([not margin <= centre <= 95 - margin for centre in centres])
    maps[:, :, outside], maps[:, :, :, outside] = 0.0, 0.0
    of_images = maps.flatten(2).amax(2).T
    expected = of_images.sort(1, descending=True).values[:, :5]
    assert torch.allclose(found.value, expected, atol=1e-5)
    for unit in (0, 17, 47):
        assert len({image for image, _, _ in found.of(unit)}) == len(found.of(unit))
        for value, (image, row, column) in zip(found.value[unit], found.of(unit), strict=False):
            assert maps[image, unit, row, column].item() == pytest.approx(value.item(), abs=1e-5)


def test_a_unit_that_fires_nowhere_has_none_and_a_rare_one_few(network):
    units, images = neurons(network, "mixed"), Leaves(6, 96)
    top = everything(units, images).flatten(2).amax(2)
    silenced = visae.units.Units(
        "neurons", network, units.layer, 2, lambda maps: torch.stack([maps[:, 0] * 0, maps[:, 0]], 1) - offset
    )
    offset = top[:, 0].sort().values[-2:].mean()
    found = strongest([silenced], images, 4)[0]
    assert found.of(0) == []
    assert [image for image, _, _ in found.of(1)] == [int(top[:, 0].argmax())]


def test_populations_of_two_layers_share_a_pass(network):
    both = [neurons(network, "mixed"), neurons(network, next(iter(network.layers)))]
    images = Leaves(5, 96)
    together, alone = strongest(both, images, 3), [strongest([units], images, 3)[0] for units in both]
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.value, other.value)
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.row, other.row)


def test_joined_examples_are_those_of_the_joined_population(network):
    one, other, images = neurons(network, "mixed"), neurons(network, "mixed"), Leaves(5, 96)
    together = strongest([join_units(one, other)], images, 3)[0]
    apart = join_examples(*strongest([one, other], images, 3))
    assert torch.equal(together.value, apart.value)
    assert together.of(50) == apart.of(50) == apart.of(2)


def test_bad_input_is_refused(network):
    with pytest.raises(VisaeError, match="0 examples of each unit; ask for at least 1"):
        strongest([neurons(network, "mixed")], Leaves(2, 96), 0)
    with pytest.raises(VisaeError, match=r"no position of mixed is 60 px or more from the border of images of 96 px"):
        strongest([neurons(network, "mixed")], Leaves(2, 96), 1, 60.0)
