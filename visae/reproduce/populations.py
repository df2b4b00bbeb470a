"""Populations of units of one layer, measured alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
from visae.units import Units, features, neurons
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


def joint_tunings(found: Mapping[str, Found], chosen: Mapping[str, Sequence[int]], images: Images) -> dict[str, Joint]:
    """Joint tuning of the chosen units of some populations of one layer; populations without any are left out."""
    some = {name: of.units for name, of in found.items() if chosen[name]}
    if not some:
        return {}
    layer = next(iter(some.values())).layer
    examples = strongest(list(some.values()), images, _EXAMPLES, clear_of_border(layer, images))
    return {
        name: joint_tuning(units, chosen[name], of_units, images)
        for (name, units), of_units in zip(some.items(), examples, strict=True)
    }
