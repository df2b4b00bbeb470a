"""Populations of units of one layer, measured alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from visae.examples import Examples, strongest
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

    deviation: of `natural_deviation`.  examples: the dataset examples of each unit, from `images`.
    """

    name: str
    units: Units
    swept: Battery
    deviation: Float[Tensor, " u"]
    examples: Examples
    images: Images

    @cached_property
    def families(self) -> Families:
        """The families of its units by the usual criteria."""
        return families(self.swept)

    @cached_property
    def curves(self) -> Coverage:
        """Its curve detectors, and how they cover the circle."""
        return coverage(self.swept, "curve", self.families.members["curve"], self.deviation)

    @cached_property
    def portrait(self) -> Portrait:
        """Every summary of every unit."""
        return portrait(self.swept)

    @cached_property
    def joint(self) -> Joint | None:
        """Joint tuning of its curve detectors, or of some of them, evenly by orientation; None without any."""
        chosen = spread(self.curves.units, _JOINT)
        return joint_tuning(self.units, chosen, self.examples, self.images) if chosen else None


def spread(units: Sequence[int], most: int) -> list[int]:
    """At most so many of some units, evenly spaced in their order."""
    return list(units[:: max(-(-len(units) // most), 1)])


def measured(network: Network, layer: str, saes: Mapping[str, SAE], images: Images, most: int) -> list[Found]:
    """The neurons of a layer, and the features of some dictionaries, over at most so many images, evenly chosen."""
    units = {"neurons": neurons(network, layer)}
    units |= {name: features(network, layer, sae) for name, sae in saes.items()}
    populations = list(units.values())
    some = Subset(images, spread(range(len(images)), most))
    pixels = (batch.pixels.float() / 255 for batch in batches(some, _IMAGES_A_BATCH))
    deviations = natural_deviation(populations, pixels)
    # Far enough from the border that what a position sees lies in the image.
    margin = min((populations[0].layer.receptive_field - 1) / 2, some.size / 4)
    found = strongest(populations, some, _EXAMPLES, margin)
    swept = battery(populations)
    return [
        Found(name, of, responses, deviation, examples, some)
        for (name, of), responses, deviation, examples in zip(units.items(), swept, deviations, found, strict=True)
    ]
