"""A layer and its dictionary, measured so that any of the layer's neurons can be decomposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from visae.activations import Rows
from visae.decomposition._meanings import Batches, Meaning, Part, most_polysemantic, neuron_parts
from visae.held_out import held_out_rows
from visae.metrics import Attribution, attribution
from visae.networks import Network
from visae.sae import SAE
from visae.tuning import Battery, Families, battery, families
from visae.units import Units, features, neurons


@dataclass(frozen=True, eq=False)
class LayerDecomposition:
    """The neurons of a layer, the features of its dictionary, and how the features make up the neurons.

    batches:         yields rows on which the SAE was not trained.
    attribution:     each feature's share of each neuron, over these rows.
    feature_battery: sweeps of the features.
    neuron_battery:  sweeps of the neurons.
    """

    neurons: Units
    sae: SAE
    batches: Batches
    attribution: Attribution
    feature_battery: Battery
    neuron_battery: Battery

    @cached_property
    def families(self) -> Families:
        """The families of the features."""
        return families(self.feature_battery)

    def parts(self, neuron: int) -> list[Part]:
        """List the features that write to a neuron, largest first.

        Raises `VisaeError` for an unknown neuron.
        """
        return neuron_parts(self.sae, self.batches, self.attribution, self.families, neuron)

    def ranking(self) -> list[tuple[int, list[Meaning]]]:
        """Rank the polysemantic neurons by the share of their second meaning, largest first."""
        return most_polysemantic(self.attribution, self.families)

    def tuning(self, neuron: int) -> Float[Tensor, " o"]:
        """Return a neuron's tuning to circles."""
        tuning: Tensor = self.neuron_battery.responses["circle"].tuning()[neuron]
        return tuning

    def contributions(self, neuron: int, units: Sequence[int]) -> Float[Tensor, "f o"]:
        """Return what each of the given features adds to a neuron's tuning to circles."""
        directions = self.sae.directions.cpu()[list(units)]
        # A feature's response is the norm of what it adds to the row.
        weight = directions[:, neuron] / directions.norm(dim=1).clamp_min(1e-30)
        added: Tensor = self.feature_battery.responses["circle"].tuning()[list(units)] * weight[:, None]
        return added

    @torch.inference_mode()
    def strongest_part(self, neuron: int, x: Float[Tensor, "n d"]) -> list[int | None]:
        """Return the feature that contributes most to a neuron in each row; None where no feature contributes."""
        added: Tensor = self.sae.encode(x).cpu() * self.sae.directions.cpu()[:, neuron]
        most, units = added.max(1)
        return [unit if value > 0 else None for value, unit in zip(most.tolist(), units.tolist(), strict=True)]


def decompose_layer(network: Network, layer: str, sae: SAE, rows: Rows) -> LayerDecomposition:
    """Sweep the neurons of a layer and the features of its dictionary, and attribute the neurons to the features.

    Raises `VisaeError` for a dictionary of another network or layer.
    """
    return decompose_layers(network, layer, [sae], rows)[0]


def decompose_layers(network: Network, layer: str, saes: Sequence[SAE], rows: Rows) -> list[LayerDecomposition]:
    """Decompose the neurons of a layer by each of several dictionaries, as `decompose_layer` does, in one sweep.

    Raises `VisaeError` for a dictionary of another network or layer.
    """
    layer_neurons = neurons(network, layer)
    neuron_battery, *batteries = battery([layer_neurons, *(features(network, layer, sae) for sae in saes)])
    return [
        _attributed(layer_neurons, sae, rows, each, neuron_battery) for sae, each in zip(saes, batteries, strict=True)
    ]


def _attributed(
    units: Units, sae: SAE, rows: Rows, feature_battery: Battery, neuron_battery: Battery
) -> LayerDecomposition:
    batches = partial(held_out_rows, sae, rows)
    return LayerDecomposition(units, sae, batches, attribution(sae, batches()), feature_battery, neuron_battery)
