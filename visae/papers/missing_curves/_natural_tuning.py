"""Tuning in natural images beside tuning to circles, relative to the layer's curve neurons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

from visae import tuning
from visae.examples import border_margin, join_examples, strongest
from visae.images import Images
from visae.tuning import JointTuning, MeasuredPopulation
from visae.units import join_units

_EXAMPLES = 8  # per unit


@dataclass(frozen=True, eq=False)
class NaturalTuning:
    """Joint tuning of some units of a population and of reference units: the layer's curve neurons.

    joint:       of the units of all populations, to each other's examples.
    units:       the population's units; a unit's entry in `joint.units` is its number plus `offset`.
    references:  the neurons, by their numbers in `joint`.
    orientation: preferred orientations by circles of all units of `joint`, degrees.
    """

    joint: JointTuning
    units: list[int]
    offset: int
    references: list[int]
    orientation: Float[Tensor, " n"]

    @property
    def preferred(self) -> Float[Tensor, " u"]:
        """Preferred orientations by circles of the population's own units, degrees."""
        return self.orientation[self._own]

    def own(self) -> JointTuning:
        """Return the joint tuning of the population's own units, without the references."""
        indices = self._own
        responses = self.joint.responses[indices][:, indices]
        counts = tuple(self.joint.examples[index] for index in indices)
        return JointTuning(tuple(self.units), counts, self.joint.degrees, responses)

    def disagreement(self, unit: int) -> float:
        """Return how far a unit's orientation relative to the references differs between natural images and circles.

        In degrees; NaN for fewer than three pairs of the unit and a reference that respond to each other's examples.
        """
        return self.joint.unit_disagreement(unit + self.offset, self.references, self.orientation)

    @property
    def _own(self) -> list[int]:
        return [self.joint.units.index(unit + self.offset) for unit in self.units]


def measure_natural_tuning(
    populations: Mapping[str, MeasuredPopulation], units: Mapping[str, Sequence[int]], images: Images
) -> dict[str, NaturalTuning]:
    """Measure joint tuning to rotated dataset examples, for given units of each population and for the curve neurons.

    Populations without given units are left out, as are neurons if none is a curve detector.
    """
    references = populations["neurons"].sample_curves()
    chosen = {"neurons": references} | {name: list(numbers) for name, numbers in units.items() if numbers}
    if not any(chosen.values()):
        return {}
    searched = [populations[name] for name in chosen]
    examples = strongest(
        [each.units for each in searched], images, _EXAMPLES, border_margin(searched[0].units.layer, images)
    )
    offsets = dict(zip(chosen, accumulate((len(each.units) for each in searched), initial=0), strict=False))
    joined = [unit + offsets[name] for name, numbers in chosen.items() for unit in numbers]
    # All populations at once: every crop passes through the network once, and the neurons' own crops serve all.
    all_units = reduce(join_units, [each.units for each in searched])
    joint = tuning.joint_tuning(all_units, joined, reduce(join_examples, examples), images)
    by_circles = torch.cat([each.battery.tuning["circle"].orientation for each in searched])[joined]
    return {
        name: NaturalTuning(joint, numbers, offsets[name], references, by_circles)
        for name, numbers in chosen.items()
        if numbers
    }
