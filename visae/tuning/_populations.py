"""Populations of units of one layer, neurons and features, all swept in the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from visae.images import Images, batches, pick_evenly, to_float
from visae.networks import Network
from visae.sae import SAE
from visae.tuning._battery import Battery, battery
from visae.tuning._coverage import Coverage, coverage, coverages_over_criteria
from visae.tuning._families import Families, families
from visae.tuning._natural_images import natural_deviation
from visae.tuning._tuning_summary import TuningSummary, tuning_summary
from visae.units import Units, features, neurons

_BATCH = 16  # images
_JOINT = 24  # maximum number of curve detectors in a sample


@dataclass(frozen=True, eq=False)
class MeasuredPopulation:
    """The units of one population of a layer, their sweeps, and their standard deviations over natural images."""

    units: Units
    battery: Battery
    deviation: Float[Tensor, " u"]

    @cached_property
    def families(self) -> Families:
        """The families of its units by the default criteria."""
        return families(self.battery)

    @cached_property
    def curves(self) -> Coverage:
        """Its curve detectors, and how they cover the circle."""
        return coverage(self.battery, "curve", self.families.members["curve"], self.deviation)

    @cached_property
    def curves_over_criteria(self) -> list[tuple[float, float, Coverage]]:
        """Its curve detectors under each pair of thresholds, selectivity and echo."""
        return list(coverages_over_criteria(self.battery, self.deviation))

    @cached_property
    def selectivity(self) -> Float[Tensor, " _"]:
        """Selectivity for circles of the units that respond to any."""
        circle = self.battery.tuning["circle"]
        return circle.selectivity[circle.peak > 0]

    @cached_property
    def tuning_summary(self) -> TuningSummary:
        """Summary statistics of the tuning of every unit."""
        return tuning_summary(self.battery)

    def sample_curves(self, include: Sequence[int] = ()) -> list[int]:
        """Sample curve detectors evenly by orientation, include the given ones, and sort them by orientation."""
        sample = {*pick_evenly(self.curves.units, _JOINT), *include}
        return [unit for unit in self.curves.units if unit in sample]


def measure_populations(
    network: Network, layer: str, saes: Mapping[str, SAE], images: Images
) -> dict[str, MeasuredPopulation]:
    """Sweep the neurons of a layer and the features of some dictionaries, and measure their deviations over images.

    Returns `neurons` and the names of `saes` as keys. Raises `VisaeError` for a dictionary of another layer.
    """
    units = {"neurons": neurons(network, layer)}
    units |= {name: features(network, layer, sae) for name, sae in saes.items()}
    pixels = (to_float(batch.pixels) for batch in batches(images, _BATCH))
    deviations = natural_deviation(list(units.values()), pixels)
    measured = zip(units.values(), battery(list(units.values())), deviations, strict=True)
    return {name: MeasuredPopulation(*each) for name, each in zip(units, measured, strict=True)}
