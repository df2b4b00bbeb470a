"""A layer and its dictionary, measured so that any of the layer's neurons can be taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from visae.activations import Rows
from visae.decomposition._meanings import Meaning, most_polysemantic
from visae.decomposition._parts import Batches, Part, parts
from visae.held_out import held_out_rows
from visae.metrics import Attribution, attribution
from visae.networks import Network
from visae.sae import SAE
from visae.tuning import Battery, Families, battery, families
from visae.units import Units, features, neurons


@dataclass(frozen=True, eq=False)
class LayerDecomposition:
    """The neurons and features of a layer.

    batches: calls forth rows on which the SAE was not trained.  attribution: of features in neurons, over these.
    swept:   the batteries of features and of neurons.
    """

    neurons: Units
    sae: SAE
    batches: Batches
    attribution: Attribution
    swept: tuple[Battery, Battery]

    @cached_property
    def families(self) -> Families:
        """The features' families."""
        return families(self.swept[0])

    def parts(self, neuron: int) -> list[Part]:
        """The features that write to a neuron: see `visae.decomposition._parts`."""
        return parts(self.sae, self.batches, self.attribution, self.families, neuron)

    def ranking(self) -> list[tuple[int, list[Meaning]]]:
        """The most polysemantic neurons: see `visae.decomposition._meanings`."""
        return most_polysemantic(self.attribution, self.families)

    def tuning(self, neuron: int) -> Float[Tensor, " o"]:
        """A neuron's tuning to circles."""
        tuning: Tensor = self.swept[1].responses["circle"].tuning()[neuron]
        return tuning

    def contributions(self, neuron: int, units: Sequence[int]) -> Float[Tensor, "f o"]:
        """What features add to a neuron in its tuning to circles."""
        directions = self.sae.directions.cpu()[list(units)]
        # A feature's response is what it adds to the row in all, as a length.
        weight = directions[:, neuron] / directions.norm(dim=1).clamp_min(1e-30)
        added: Tensor = self.swept[0].responses["circle"].tuning()[list(units)] * weight[:, None]
        return added

    @torch.inference_mode()
    def strongest_part(self, neuron: int, x: Float[Tensor, "n d"]) -> list[int | None]:
        """The feature that adds most to a neuron in each of some rows; None where none adds anything."""
        added: Tensor = self.sae.encode(x).cpu() * self.sae.directions.cpu()[:, neuron]
        most, units = added.max(1)
        return [unit if value > 0 else None for value, unit in zip(most.tolist(), units.tolist(), strict=True)]


def decompose(network: Network, layer: str, sae: SAE, rows: Rows) -> LayerDecomposition:
    """Measure a layer's neurons and a dictionary's features; raises `VisaeError` for one of another layer."""
    of_features, of_neurons = features(network, layer, sae), neurons(network, layer)
    batches = partial(held_out_rows, sae, rows)
    swept = battery([of_features, of_neurons])
    return LayerDecomposition(of_neurons, sae, batches, attribution(sae, batches()), (swept[0], swept[1]))
