"""One neuron decomposed, with its dataset examples split by the feature that explains each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.decomposition._layer import LayerDecomposition
from visae.decomposition._meanings import Part
from visae.examples import Examples, border_margin, strongest
from visae.images import Images, to_float

# Examples of each neuron. They must include weak responses: the strongest are often due to a single feature.
EXAMPLES = 512
MOST_IMAGES = 1024  # maximum number searched for examples
_BATCH = 16  # images

ExamplePosition = tuple[int, int, int]  # image, row, column


@dataclass(frozen=True, eq=False)
class NeuronDecomposition:
    """One neuron of a layer.

    tuning:        tuning to circles at `orientations`, degrees.
    contributions: what each part adds to the tuning.
    examples:      for each part, the neuron's dataset examples to which its feature contributes most, strongest first.
    unexplained:   number of examples to which a feature that is not a part contributes most, or none contributes.
    """

    layer: str
    neuron: int
    parts: list[Part]
    orientations: Float[Tensor, " o"]
    tuning: Float[Tensor, " o"]
    contributions: Float[Tensor, "f o"]
    examples: list[list[ExamplePosition]]
    unexplained: int


def decompose_neuron(
    layer: LayerDecomposition, neuron: int, examples: Examples | None = None, images: Images | None = None
) -> NeuronDecomposition:
    """Decompose a neuron, and split its dataset examples by the feature that contributes most to each.

    examples: the layer's dataset examples in `images`. Without them the lists of examples are empty.

    Raises `VisaeError` for an unknown neuron.
    """
    parts = layer.parts(neuron)
    features = [part.feature for part in parts]
    split: dict[int, list[ExamplePosition]] = {feature: [] for feature in features}
    unexplained = 0
    for position, feature in _explained_examples(layer, neuron, examples, images):
        if feature is None or feature not in split:
            unexplained += 1
        else:
            split[feature].append(position)
    return NeuronDecomposition(
        layer.neurons.layer.name,
        neuron,
        parts,
        layer.feature_battery.responses["circle"].axes["orientation"],
        layer.tuning(neuron),
        layer.contributions(neuron, features),
        list(split.values()),
        unexplained,
    )


def decompose_neurons(layer: LayerDecomposition, neurons: Sequence[int], images: Images) -> list[NeuronDecomposition]:
    """Find dataset examples of some neurons of a layer in `images`, and decompose each neuron.

    Raises `VisaeError` for an unknown neuron.
    """
    if not neurons:
        return []
    examples = strongest([layer.neurons], images, EXAMPLES, border_margin(layer.neurons.layer, images))[0]
    return [decompose_neuron(layer, neuron, examples, images) for neuron in neurons]


def _explained_examples(
    layer: LayerDecomposition, neuron: int, examples: Examples | None, images: Images | None
) -> list[tuple[ExamplePosition, int | None]]:
    """Pair each example of a neuron with the feature that contributes most to the neuron there."""
    if examples is None or images is None:
        return []
    positions, explained = examples.positions(neuron), list[tuple[ExamplePosition, int | None]]()
    for start in range(0, len(positions), _BATCH):
        batch = positions[start : start + _BATCH]
        explained += zip(batch, layer.strongest_part(neuron, _read_rows(layer, images, batch)), strict=True)
    return explained


@torch.inference_mode()
def _read_rows(layer: LayerDecomposition, images: Images, positions: Sequence[ExamplePosition]) -> Float[Tensor, "n d"]:
    """Return the layer's activations at some positions."""
    pixels = to_float(torch.stack([images.read(image)[0] for image, _, _ in positions]))
    maps = layer.neurons.maps(pixels)
    return torch.stack([maps[index, :, row, column] for index, (_, row, column) in enumerate(positions)]).float()
