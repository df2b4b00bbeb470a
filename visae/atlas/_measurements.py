"""Everything an atlas measures for a population of units: dataset examples, tuning, family and statistics."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.atlas._statistics_pass import UnitStatistics
from visae.examples import QUANTILES, DatasetExamples, border_margin, find_examples
from visae.images import Images
from visae.networks import Network
from visae.sae import SAE
from visae.tuning import (
    FAMILY_STIMULUS,
    Battery,
    Curves,
    battery,
    colour_peaks,
    families,
    is_orientation_selective,
    is_responsive,
)
from visae.units import Units, features, neurons

FAMILIES = ("none", *FAMILY_STIMULUS, "colour")
_MIN_COLOUR_RESPONSE = 0.1  # of the strongest unit's response to pure colour


@dataclass(frozen=True, eq=False)
class UnitMeasurements:
    """A layer's neurons or features, and their measurements.

    colour_peak: largest response to an edge or spot of pure colour, [u].
    """

    units: Units
    examples: DatasetExamples
    battery: Battery
    colour_peak: Float[Tensor, " u"]
    statistics: UnitStatistics

    @property
    def peak(self) -> Float[Tensor, " u"]:
        """The largest value in the searched images."""
        return self.examples.top.value[:, 0]

    @cached_property
    def family(self) -> list[str]:
        """The family of each unit: colour if pure colour drives it more than any dark-on-grey stimulus does.

        Curve detectors stay curve detectors, so that they are the same units everywhere.
        """
        grey_peak = torch.stack([tuning.peak for tuning in self.battery.tuning.values()]).amax(0)
        responds = (self.colour_peak > 0) & (self.colour_peak >= _MIN_COLOUR_RESPONSE * self.colour_peak.max())
        is_colour: Bool[Tensor, " u"] = responds & (self.colour_peak > grey_peak)
        names = families(self.battery).names
        return [
            "colour" if colour and name != "curve" else name or "none"
            for colour, name in zip(is_colour.tolist(), names, strict=True)
        ]

    @cached_property
    def responds_to_circles(self) -> Bool[Tensor, " u"]:
        """Which units respond to circles strongly enough for their tuning to mean anything."""
        return is_responsive(self.battery.tuning["circle"])

    @cached_property
    def is_oriented(self) -> Bool[Tensor, " u"]:
        """Which units have a preferred orientation.

        These respond to circles, and either belong to an oriented family or are as selective as its members.
        """
        member = torch.tensor([name in FAMILY_STIMULUS for name in self.family])
        return self.responds_to_circles & (member | is_orientation_selective(self.battery.tuning["circle"]))

    @property
    def curves(self) -> Curves:
        """The curve detectors that `visae curves` reports, at their circular means."""
        return Curves.from_battery(self.battery)


def measure_units(sae: SAE, network: Network, images: Images, top: int, seed: int) -> list[UnitMeasurements]:
    """Find the dataset examples and tuning of a layer's neurons and an SAE's features; statistics are empty.

    top: strongest examples of each unit, found beside one at each of four quantiles.
    """
    units = [neurons(network, sae.about["layer"]), features(network, sae.about["layer"], sae)]
    margin = border_margin(units[0].layer, images)
    examples = find_examples(units, images, top, QUANTILES, margin, 1, seed)
    batteries, colours = battery(units), colour_peaks(units)
    # Positions near the border are counted but not searched: leave them an octave above the largest example.
    largest = [2 * float(population.top.value.max()) for population in examples]
    statistics = [UnitStatistics(population, value) for population, value in zip(units, largest, strict=True)]
    return [UnitMeasurements(*parts) for parts in zip(units, examples, batteries, colours, statistics, strict=True)]
