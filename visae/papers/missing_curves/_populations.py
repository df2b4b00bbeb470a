"""Populations of units of one layer, measured alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from visae.examples import border_margin, join_examples, strongest
from visae.images import Images, Subset, batches, to_float
from visae.networks import Network
from visae.sae import SAE
from visae.tuning import (
    Battery,
    Coverage,
    Families,
    JointTuning,
    TuningSummary,
    battery,
    coverage,
    coverages_over_criteria,
    families,
    joint_tuning,
    natural_deviation,
    tuning_summary,
)
from visae.units import Units, features, join_units, neurons

_IMAGES_A_BATCH = 16
_EXAMPLES = 8  # of each unit, for joint tuning
_JOINT = 24  # units whose joint tuning is measured, at most


@dataclass(frozen=True, eq=False)
class Population:
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

    @cached_property
    def selectivity(self) -> Float[Tensor, " _"]:
        """Selectivity for circles of the units that respond to any."""
        circle = self.swept.tuning["circle"]
        return circle.selectivity[circle.peak > 0]

    @cached_property
    def over_grid(self) -> list[tuple[float, float, Coverage]]:
        """How its curve detectors cover the circle under each pair of thresholds, selectivity and echo."""
        return list(coverages_over_criteria(self.swept, self.deviation))

    def some_curves(self, also: Sequence[int] = ()) -> list[int]:
        """Some of its curve detectors, evenly by orientation, and others, in the order of orientation."""
        chosen = {*spread(self.curves.units, _JOINT), *also}
        return [unit for unit in self.curves.units if unit in chosen]

    @cached_property
    def tuning_summary(self) -> TuningSummary:
        """Every summary of every unit."""
        return tuning_summary(self.swept)


def file_name(population: str) -> str:
    """A population's name as part of a file's."""
    return population.lower().replace(" ", "-")


def evenly_spaced(images: Images, most: int) -> Images:
    """At most so many of the images, evenly spaced."""
    return Subset(images, spread(range(len(images)), most))


def spread(units: Sequence[int], most: int) -> list[int]:
    """At most so many of some units, evenly spaced in their order."""
    count = min(len(units), most)
    return [units[place * len(units) // count] for place in range(count)]


def measured(network: Network, layer: str, saes: Mapping[str, SAE], images: Images) -> dict[str, Population]:
    """The neurons of a layer, and the features of some dictionaries, by name."""
    units = {"neurons": neurons(network, layer)}
    units |= {name: features(network, layer, sae) for name, sae in saes.items()}
    pixels = (to_float(batch.pixels) for batch in batches(images, _IMAGES_A_BATCH))
    deviations = natural_deviation(list(units.values()), pixels)
    swept = battery(list(units.values()))
    return {
        name: Population(of, responses, deviation)
        for (name, of), responses, deviation in zip(units.items(), swept, deviations, strict=True)
    }


@dataclass(frozen=True, eq=False)
class Natural:
    """Joint tuning of some units of a population, and of the curve neurons of the layer, by which they are judged.

    units:    of the population.  orientation: of all that `joint` is of, by circles, in degrees.
    anchors:  the neurons, by their numbers in `joint`; a unit of the population has its own number plus `shift`.
    """

    joint: JointTuning
    units: list[int]
    shift: int
    anchors: list[int]
    orientation: Float[Tensor, " n"]

    def own(self) -> JointTuning:
        """The joint tuning of the population's own units."""
        places = [self.joint.units.index(unit + self.shift) for unit in self.units]
        responses = self.joint.responses[places][:, places]
        counts = tuple(self.joint.examples[place] for place in places)
        return JointTuning(tuple(self.units), counts, self.joint.degrees, responses)

    def disagreement_of(self, unit: int) -> float:
        """How far a unit's orientation in natural images is from that by circles, as seen from the curve neurons."""
        return self.joint.unit_disagreement(unit + self.shift, self.anchors, self.orientation)


def in_natural_images(
    found: Mapping[str, Population], chosen: Mapping[str, Sequence[int]], images: Images
) -> dict[str, Natural]:
    """Turn the dataset examples of chosen units of some populations, and of the layer's curve neurons.

    Of the neurons themselves their curve detectors are chosen. Populations of which none is chosen are left out.
    """
    neurons, some = found["neurons"], {name: units for name, units in chosen.items() if units}
    layer, populations = neurons.units.layer, [neurons.units, *(found[name].units for name in some)]
    of_neurons, *others = strongest(populations, images, _EXAMPLES, border_margin(layer, images))
    anchors, shift = neurons.some_curves(), len(neurons.units)
    by_circles = neurons.swept.tuning["circle"].orientation
    naturals = {}
    if anchors:
        alone = joint_tuning(neurons.units, anchors, of_neurons, images)
        naturals["neurons"] = Natural(alone, anchors, 0, anchors, by_circles[anchors])
    for (name, units), examples in zip(some.items(), others, strict=True):
        both, numbers = join_units(neurons.units, found[name].units), [*anchors, *(unit + shift for unit in units)]
        joint = joint_tuning(both, numbers, join_examples(of_neurons, examples), images)
        orientation = torch.cat([by_circles, found[name].swept.tuning["circle"].orientation])
        naturals[name] = Natural(joint, list(units), shift, anchors, orientation[numbers])
    return naturals
