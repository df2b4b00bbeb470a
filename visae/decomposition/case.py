"""One neuron taken apart, with its dataset examples split by the feature that explains each."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.decomposition.layer import Decomposition
from visae.decomposition.parts import Part
from visae.examples import Examples
from visae.images import Images

Place = tuple[int, int, int]  # image, row, column


@dataclass(frozen=True, eq=False)
class Case:
    """One neuron.

    tuning:        to circles at `orientations`, degrees.  contributions: what each part adds to it.
    examples:      for each part, the dataset examples of the neuron to which this feature adds more than any other
                   does, the strongest first.
    unexplained:   how many examples go to features that are no parts.
    """

    layer: str
    neuron: int
    parts: list[Part]
    orientations: Float[Tensor, " o"]
    tuning: Float[Tensor, " o"]
    contributions: Float[Tensor, "f o"]
    examples: list[list[Place]]
    unexplained: int


def case(of: Decomposition, neuron: int, examples: Examples | None, images: Images | None) -> Case:
    """Take a neuron apart; `examples` are those of the layer's neurons, from `images`. Without them none are split.

    Raises `VisaeError` for a neuron that does not exist.
    """
    made_of = of.parts(neuron)
    units = [part.feature for part in made_of]
    split: dict[int, list[Place]] = {unit: [] for unit in units}
    unexplained = 0
    for place, unit in _explained(of, neuron, examples, images):
        if unit in split:
            split[unit].append(place)
        else:
            unexplained += 1
    return Case(
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
    of: Decomposition, neuron: int, examples: Examples | None, images: Images | None
) -> list[tuple[Place, int]]:
    """Each example of a neuron, with the feature that adds most to it there."""
    if examples is None or images is None or not (places := examples.of(neuron)):
        return []
    rows = torch.stack([_row(of, images, place) for place in places])
    return list(zip(places, of.strongest_part(neuron, rows), strict=True))


@torch.inference_mode()
def _row(of: Decomposition, images: Images, place: Place) -> Float[Tensor, " d"]:
    image, row, column = place
    pixels = images.read(image)[0][None].float() / 255
    return of.neurons.maps(pixels)[0, :, row, column].float()
