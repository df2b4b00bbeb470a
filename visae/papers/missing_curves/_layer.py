"""A layer measured: its neurons, dictionaries and nulls, the features in gaps, and what photographs say of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from visae.images import Images
from visae.networks import Network
from visae.papers.missing_curves._dictionaries import LEARNED, Dictionaries
from visae.papers.missing_curves._gaps import Row, add_photographs, detectors_of_coverage, features_in_gaps, to_ask
from visae.papers.missing_curves._natural_tuning import NaturalTuning, measure_natural_tuning
from visae.tuning import MeasuredPopulation, measure_populations


@dataclass(frozen=True, eq=False)
class MeasuredLayer:
    """The neurons and dictionaries of a layer.

    name:        of the layer.
    populations: `neurons`, and all of `dictionaries.measured`, by the same names.
    naturals:    tuning in natural images of the neurons, learned dictionaries and seeds of nulls that were asked about.
    in_gaps:     of every dictionary, the features in the neurons' gaps, and which tests they pass.
    """

    network: Network
    name: str
    dictionaries: Dictionaries
    populations: Mapping[str, MeasuredPopulation]
    naturals: Mapping[str, NaturalTuning]
    in_gaps: Mapping[str, Sequence[Row]]

    @cached_property
    def own(self) -> dict[str, MeasuredPopulation]:
        """The populations that are no nulls."""
        return {name: self.populations[name] for name in ("neurons", *self.dictionaries.own)}


def measure_layer(network: Network, layer: str, dictionaries: Dictionaries, images: Images) -> MeasuredLayer:
    """Sweep all populations of a layer, test the features in gaps, and ask photographs about some of these.

    images: those over which the units' standard deviations are measured, and of which the photographs are.
    """
    saes, again, qualities = dictionaries.measured, dictionaries.found_again(), dictionaries.qualities()
    populations = measure_populations(network, layer, saes, images)
    neurons = populations["neurons"].curves
    rows = {}
    for name, sae in saes.items():
        detectors = detectors_of_coverage(neurons, populations[name].curves, qualities[name], again[name])
        rows[name] = features_in_gaps(neurons, populations[name], sae, detectors)
    asked = {name: to_ask(rows[name]) if neurons.units and again[name] is not None else [] for name in saes}
    # How learned features are tuned in natural images is shown too, wherever their orientation.
    shown = asked | {name: populations[name].sample_curves(asked[name]) for name in LEARNED}
    naturals = measure_natural_tuning(populations, shown, images)
    in_gaps = {name: [add_photographs(row, naturals.get(name), asked[name]) for row in rows[name]] for name in saes}
    return MeasuredLayer(network, layer, dictionaries, populations, naturals, in_gaps)
