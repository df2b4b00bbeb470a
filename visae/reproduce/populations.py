"""Populations of units of one layer, measured alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from visae.examples import clear_of_border, strongest
from visae.images import Images, Subset, batches
from visae.sae import SAE
from visae.tuning import (
    Battery,
    Coverage,
    Families,
    Joint,
    Portrait,
    battery,
    coverage,
    families,
    joint_tuning,
    natural_deviation,
    portrait,
)
from visae.units import Units, features, joined, neurons
from visae.zoo import Network

_IMAGES_A_BATCH = 16
_EXAMPLES = 8  # of each unit, for joint tuning
_JOINT = 24  # units whose joint tuning is measured, at most


@dataclass(frozen=True, eq=False)
class Found:
    """One population of a layer: its units, and what the sweeps and the images say of them.

    deviation: of `natural_deviation`.
    """

    units: Units
    swept: Battery
    deviation: Float[Tensor, " u"]

    @cached_property
    def families(self) -> Families:
        """The families of its units by the usual criteria."""
        return families(self.swept)

    @cached_property
    def curves(self) -> Coverage:
        """Its curve detectors, and how they cover the circle."""
        return coverage(self.swept, "curve", self.families.members["curve"], self.deviation)

    def some_curves(self, also: Sequence[int] = ()) -> list[int]:
        """Some of its curve detectors, evenly by orientation, and others, in the order of orientation."""
        chosen = {*spread(self.curves.units, _JOINT), *also}
        return [unit for unit in self.curves.units if unit in chosen]

    @cached_property
    def portrait(self) -> Portrait:
        """Every summary of every unit."""
        return portrait(self.swept)


def file_name(population: str) -> str:
    """A population's name as part of a file's."""
    return population.lower().replace(" ", "-")


def some_of(images: Images, most: int) -> Images:
    """At most so many of the images, evenly spaced."""
    return Subset(images, spread(range(len(images)), most))


def spread(units: Sequence[int], most: int) -> list[int]:
    """At most so many of some units, evenly spaced in their order."""
    count = min(len(units), most)
    return [units[place * len(units) // count] for place in range(count)]


def measured(network: Network, layer: str, saes: Mapping[str, SAE], images: Images) -> dict[str, Found]:
    """The neurons of a layer, and the features of some dictionaries, by name."""
    units = {"neurons": neurons(network, layer)}
    units |= {name: features(network, layer, sae) for name, sae in saes.items()}
    pixels = (batch.pixels.float() / 255 for batch in batches(images, _IMAGES_A_BATCH))
    deviations = natural_deviation(list(units.values()), pixels)
    swept = battery(list(units.values()))
    return {
        name: Found(of, responses, deviation)
        for (name, of), responses, deviation in zip(units.items(), swept, deviations, strict=True)
    }


@dataclass(frozen=True, eq=False)
class Natural:
    """Joint tuning of some units of a population, and of the curve neurons of the layer, by which they are judged.

    units:    of the population.  orientation: of all that `joint` is of, by circles, in degrees.
    anchors:  the neurons, by their numbers in `joint`; a unit of the population has its own number plus `shift`.
    """

    joint: Joint
    units: list[int]
    shift: int
    anchors: list[int]
    orientation: Float[Tensor, " n"]

    def own(self) -> Joint:
        """The joint tuning of the population's own units."""
        places = [self.joint.units.index(unit + self.shift) for unit in self.units]
        responses = self.joint.responses[places][:, places]
        counts = tuple(self.joint.examples[place] for place in places)
        return Joint(tuple(self.units), counts, self.joint.degrees, responses)

    def disagreement_of(self, unit: int) -> float:
        """How far a unit's orientation in natural images is from that by circles, as seen from the curve neurons."""
        return self.joint.disagreement_of(unit + self.shift, self.anchors, self.orientation)


def in_natural_images(neurons: Found, of: Found, units: Sequence[int], images: Images) -> Natural:
    """Turn the dataset examples of some units of a population, and of the layer's curve neurons."""
    both, shift, anchors = joined(neurons.units, of.units), len(neurons.units), neurons.some_curves()
    chosen = [*anchors, *(unit + shift for unit in units)]
    examples = strongest([both], images, _EXAMPLES, clear_of_border(both.layer, images))[0]
    orientation = torch.cat([one.swept.tuned["circle"].orientation for one in (neurons, of)])
    return Natural(joint_tuning(both, chosen, examples, images), list(units), shift, anchors, orientation[chosen])
