"""Dataset examples split by the feature that explains each, and the plot of a decomposed neuron."""

import pytest
import torch

from visae.decomposition import decompose_neuron, decompose_neurons
from visae.examples import strongest
from visae.images import Leaves
from visae.plots import plot_neuron_decomposition

pytestmark = pytest.mark.slow
IMAGES = Leaves(16, 128, seed=5)


@pytest.fixture(scope="module")
def examples(made):
    return strongest([made[1].neurons], IMAGES, 12)[0]


def test_examples_go_to_the_feature_that_adds_most(made, examples):
    _, layer = made
    case = decompose_neuron(layer, 11, examples, IMAGES)
    assert sum(map(len, case.examples)) + case.unexplained == len(examples.positions(11)) == 12
    for part, positions in zip(case.parts, case.examples, strict=True):
        for image, row, column in positions:
            maps = layer.neurons.maps(IMAGES.read(image)[0][None].float() / 255)
            added = layer.sae.encode(maps)[0, :, row, column] * layer.sae.directions[:, 11]
            assert int(added.argmax()) == part.feature
    # The examples of a feature keep the order of strength.
    order = {position: index for index, position in enumerate(examples.positions(11))}
    assert all(
        [order[position] for position in positions] == sorted(order[position] for position in positions)
        for positions in case.examples
    )


def test_the_planted_truth_explains_the_examples(made, examples):
    """In most examples the feature that adds most is, of the planted ones, the one that truly adds most."""
    _, layer = made
    network = layer.neurons.network
    directions = torch.nn.functional.normalize(network.truth.directions, dim=1)
    cosines = torch.nn.functional.normalize(layer.sae.directions, dim=1) @ directions.T
    pixels = torch.stack([IMAGES.read(image)[0] for image in range(len(IMAGES))]).float() / 255
    planted = network.maps(pixels, ["truth"])["truth"]
    right = count = 0
    for neuron in range(0, 48, 6):
        case = decompose_neuron(layer, neuron, examples, IMAGES)
        for part, positions in zip(case.parts, case.examples, strict=True):
            for image, row, column in positions:
                best = int((planted[image, :, row, column] * network.truth.directions[:, neuron]).argmax())
                right += int(cosines[part.feature].argmax()) == best
                count += 1
    assert count > 80
    assert right >= 0.9 * count


def test_a_plot_is_drawn_with_images_and_without(made, examples, tmp_path):
    _, layer = made
    case = decompose_neuron(layer, 3, examples, IMAGES)
    plot_neuron_decomposition(case, layer.neurons.layer, IMAGES, tmp_path / "with.png")
    case = decompose_neuron(layer, 3)
    assert case.unexplained == sum(map(len, case.examples)) == 0
    plot_neuron_decomposition(case, layer.neurons.layer, None, tmp_path / "without.png")
    for name in ("with.png", "without.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_examples_are_searched_for_the_neurons_given(made):
    _, layer = made
    images = Leaves(6, 128, seed=5)
    assert decompose_neurons(layer, [], images) == []
    cases = decompose_neurons(layer, [3, 11], images)
    assert [case.neuron for case in cases] == [3, 11]
    assert all(0 < sum(map(len, case.examples)) + case.unexplained <= 6 for case in cases)
