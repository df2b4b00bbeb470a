"""Cases: dataset examples split by the feature that explains each, and their picture."""

import torch

from visae.decomposition import case
from visae.examples import strongest
from visae.images import Leaves
from visae.plots import plot_neuron_decomposition


def test_examples_go_to_the_feature_that_adds_most(made):
    _, of = made
    images = Leaves(40, 128, seed=5)
    examples = strongest([of.neurons], images, 12)[0]
    one = case(of, 11, examples, images)
    assert sum(map(len, one.examples)) + one.unexplained == len(examples.positions(11)) == 12
    for part, places in zip(one.parts, one.examples, strict=True):
        for image, row, column in places:
            maps = of.neurons.maps(images.read(image)[0][None].float() / 255)
            added = of.sae.encode(maps)[0, :, row, column] * of.sae.directions[:, 11]
            assert int(added.argmax()) == part.feature
    # Those of one feature keep the order of strength.
    order = {place: index for index, place in enumerate(examples.positions(11))}
    assert all(
        [order[place] for place in places] == sorted(order[place] for place in places) for places in one.examples
    )


def test_the_planted_truth_explains_its_examples(made):
    """In most examples the feature that is found to explain them is the planted one that fires there most."""
    _, of = made
    network, images = of.neurons.network, Leaves(40, 128, seed=5)
    examples = strongest([of.neurons], images, 12)[0]
    truth = torch.nn.functional.normalize(network.truth.directions, dim=1)
    cosines = torch.nn.functional.normalize(of.sae.directions, dim=1) @ truth.T
    right = count = 0
    for neuron in range(0, 48, 6):
        one = case(of, neuron, examples, images)
        for part, places in zip(one.parts, one.examples, strict=True):
            for image, row, column in places:
                pixels = images.read(image)[0][None].float() / 255
                planted = network.maps(pixels, ["truth"])["truth"][0, :, row, column]
                best = int((planted * network.truth.directions[:, neuron]).argmax())
                right += int(cosines[part.feature].argmax()) == best
                count += 1
    assert count > 80
    assert right >= 0.9 * count


def test_it_is_drawn_with_images_and_without(made, tmp_path):
    _, of = made
    images = Leaves(12, 128, seed=5)
    one = case(of, 3, strongest([of.neurons], images, 6)[0], images)
    plot_neuron_decomposition(one, of.neurons.layer, images, tmp_path / "with.png")
    alone = case(of, 3, None, None)
    assert alone.unexplained == sum(map(len, alone.examples)) == 0
    plot_neuron_decomposition(alone, of.neurons.layer, None, tmp_path / "alone.png")
    for name in ("with.png", "alone.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
