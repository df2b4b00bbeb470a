"""One neuron taken apart, with its dataset examples split by the feature that explains each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.decomposition._layer import LayerDecomposition
from visae.decomposition._parts import Part
from visae.examples import Examples
from visae.images import Images, to_float

Place = tuple[int, int, int]  # image, row, column
_AT_ONCE = 16  # images


@dataclass(frozen=True, eq=False)
class NeuronDecomposition:
    """One neuron.

    tuning:        to circles at `orientations`, degrees.  contributions: what each part adds to it.
    examples:      for each part, the dataset examples of the neuron to which this feature adds more than any other
                   does, the strongest first.
    unexplained:   how many examples go to features that are no parts, or to none.
    """

    layer: str
    neuron: int
    parts: list[Part]
    orientations: Float[Tensor, " o"]
    tuning: Float[Tensor, " o"]
    contributions: Float[Tensor, "f o"]
    examples: list[list[Place]]
    unexplained: int


def case(of: LayerDecomposition, neuron: int, examples: Examples | None, images: Images | None) -> NeuronDecomposition:
    """Take a neuron apart; `examples` are those of the layer's neurons, from `images`. Without them none are split.

    Raises `VisaeError` for a neuron that does not exist.
    """
    made_of = of.parts(neuron)
    units = [part.feature for part in made_of]
    split: dict[int, list[Place]] = {unit: [] for unit in units}
    unexplained = 0
    for place, unit in _explained(of, neuron, examples, images):
        if unit is None or unit not in split:
            unexplained += 1
        else:
            split[unit].append(place)
    return NeuronDecomposition(
        of.neurons.layer.name,
        neuron,
        made_of,
        of.swept[0].responses["circle"].axes["orientation"],
        of.tuning(neuron),
        of.contributions(neuron, units),
        list(split.values()),
        unexplained,
    )


def _explained(
    of: LayerDecomposition, neuron: int, examples: Examples | None, images: Images | None
) -> list[tuple[Place, int | None]]:
    """Each example of a neuron, with the feature that adds most to it there."""
    if examples is None or images is None or not (places := examples.positions(neuron)):
        return []
    explained: list[tuple[Place, int | None]] = []
    for start in range(0, len(places), _AT_ONCE):
        some = places[start : start + _AT_ONCE]
        explained += zip(some, of.strongest_part(neuron, _rows(of, images, some)), strict=True)
    return explained


@torch.inference_mode()
def _rows(of: LayerDecomposition, images: Images, places: Sequence[Place]) -> Float[Tensor, "n d"]:
    """The layer's values at some positions."""
    pixels = to_float(torch.stack([images.read(image)[0] for image, _, _ in places]))
    maps = of.neurons.maps(pixels)
    return torch.stack([maps[index, :, row, column] for index, (_, row, column) in enumerate(places)]).float()
