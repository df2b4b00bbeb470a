"""The populations compared, and their tuning in natural images beside their tuning to circles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae import tuning
from visae.examples import border_margin, join_examples, strongest
from visae.images import Images
from visae.training._train_layer import FEATURES
from visae.tuning import JointTuning, MeasuredPopulation
from visae.units import join_units

# Populations beside the main SAE's features: from an SAE of the paper's kind, and from one trained on other positions.
RELU, UNIFORM = "ReLU features", "features, uniform sampling"
LEARNED = (FEATURES, RELU)

_EXAMPLES = 8  # per unit, for joint tuning


def file_name(population: str) -> str:
    """Return the name of a population as it appears in file names."""
    return population.lower().replace(" ", "-")


@dataclass(frozen=True, eq=False)
class NaturalTuning:
    """Joint tuning of some units of a population and of reference units: the layer's curve neurons.

    units:       the population's units; a unit's entry in `joint.units` is its number plus `offset`.
    references:  the neurons, by their numbers in `joint`.
    orientation: preferred orientations by circles of all units of `joint`, degrees.
    """

    joint: JointTuning
    units: list[int]
    offset: int
    references: list[int]
    orientation: Float[Tensor, " n"]

    def own(self) -> JointTuning:
        """Return the joint tuning of the population's own units, without the references."""
        indices = [self.joint.units.index(unit + self.offset) for unit in self.units]
        responses = self.joint.responses[indices][:, indices]
        counts = tuple(self.joint.examples[index] for index in indices)
        return JointTuning(tuple(self.units), counts, self.joint.degrees, responses)

    def disagreement(self, unit: int) -> float:
        """Return how far a unit's orientation relative to the references differs between natural images and circles.

        In degrees; NaN for fewer than three pairs of the unit and a reference that respond to each other's examples.
        """
        return self.joint.unit_disagreement(unit + self.offset, self.references, self.orientation)


def measure_natural_tuning(
    populations: Mapping[str, MeasuredPopulation], units: Mapping[str, Sequence[int]], images: Images
) -> dict[str, NaturalTuning]:
    """Measure joint tuning to rotated dataset examples, for given units of each population and for the curve neurons.

    Populations without given units are left out, as are neurons if none is a curve detector.
    """
    reference, units = populations["neurons"], {name: numbers for name, numbers in units.items() if numbers}
    layer, searched = reference.units.layer, [reference.units, *(populations[name].units for name in units)]
    reference_examples, *examples = strongest(searched, images, _EXAMPLES, border_margin(layer, images))
    references, offset = reference.sample_curves(), len(reference.units)
    by_circles = reference.battery.tuning["circle"].orientation
    tunings = {}
    if references:
        joint = tuning.joint_tuning(reference.units, references, reference_examples, images)
        tunings["neurons"] = NaturalTuning(joint, references, 0, references, by_circles[references])
    for (name, numbers), own_examples in zip(units.items(), examples, strict=True):
        both = join_units(reference.units, populations[name].units)
        joined = [*references, *(unit + offset for unit in numbers)]
        joint = tuning.joint_tuning(both, joined, join_examples(reference_examples, own_examples), images)
        orientation = torch.cat([by_circles, populations[name].battery.tuning["circle"].orientation])
        tunings[name] = NaturalTuning(joint, list(numbers), offset, references, orientation[joined])
    return tunings
