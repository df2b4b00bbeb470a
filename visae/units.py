"""Units: neurons and features behind one interface. Images in, maps [b, u, h, w] out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import Layer, Network
from visae.sae import SAE, load


@dataclass(frozen=True)
class Units:
    """A population of units of a layer: its channels, or the features of an SAE over it.

    kind:  `neurons` or `features`.
    count: number of units, u.
    read:  function from the layer's maps [b, c, h, w] to the units' maps [b, u, h, w], position by position.
    sae:   the SAE whose features they are; None for neurons.
    """

    kind: str
    network: Network
    layer: Layer
    count: int
    read: Callable[[Tensor], Tensor]
    sae: SAE | None = None

    def __len__(self) -> int:
        return self.count

    def maps(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b u H W"]:
        """Compute the units' maps of RGB images, 0..1."""
        return self.read(self.network.maps(images, [self.layer.name])[self.layer.name])

    def at(self, images: Float[Tensor, "b 3 h w"], row: int, column: int) -> Float[Tensor, "b u"]:
        """Compute the units' values at one position of the layer's maps, for RGB images, 0..1."""
        name = self.layer.name
        return self.read(self.network.read_at(images, {name: (row, column)})[name])[:, :, 0, 0]

    def pre_activations(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b u h w"]:
        """Compute the units' pre-activations, which have gradients where units are silent, on the scale of `read`.

        For neurons, these are the neurons' own values.
        """
        if self.sae is None:
            return self.read(maps)
        return self.sae.pre_activations(maps) * _direction_norms(self.sae)

    def reconstruct(self, values: Float[Tensor, "b u h w"]) -> Float[Tensor, "b c h w"]:
        """Compute the layer's maps from the units' values: decoded by the SAE; unchanged for neurons."""
        if self.sae is None:
            return values
        # A feature whose direction is zero has value 0, whatever it is divided by.
        return self.sae.decode(values / _direction_norms(self.sae).clamp_min(1e-30))

    @property
    def directions(self) -> Float[Tensor, "u c"]:
        """Each unit's direction in the layer: what one unit of a feature adds to a row, or the neuron's axis."""
        return torch.eye(self.layer.channels) if self.sae is None else self.sae.directions


def neurons(network: Network, layer: str) -> Units:
    """Return the channels of a layer as units; raises `VisaeError` for an unknown layer."""
    source = network.layer(layer)
    return Units("neurons", network, source, source.channels, _identity)


def features(network: Network, layer: str, sae: SAE | str | Path) -> Units:
    """Return the features of an SAE over a layer as units. A feature's value is the L2 norm of what it adds to a row.

    sae: the SAE, or the path of its file or folder.

    Raises `VisaeError` if the SAE's width differs from the layer's, or it was trained on another network or layer.
    """
    source = network.layer(layer)
    sae = sae if isinstance(sae, SAE) else load(sae)
    if sae.dim != source.channels:
        raise VisaeError(
            f"the SAE is over rows of {sae.dim}, but {layer} of {network.name} has {source.channels} channels"
        )
    _refuse_foreign(sae, network, layer)
    norms = _direction_norms(sae)
    return Units("features", network, source, sae.width, lambda maps: sae.encode(maps) * norms, sae)


def join_units(first: Units, second: Units) -> Units:
    """Concatenate two populations of one layer: the units of the first, then those of the second."""

    def read(maps: Tensor) -> Tensor:
        values = first.read(maps)
        return torch.cat([values, second.read(maps).to(values)], 1)

    kind = f"{first.kind} and {second.kind}"
    return Units(kind, first.network, first.layer, len(first) + len(second), read)


def read_all(populations: Sequence[Units], images: Float[Tensor, "b 3 h w"]) -> Iterator[Float[Tensor, "b _ _ _"]]:
    """Yield the maps of each population from one forward pass; all belong to the same network, on any of its layers."""
    layers = [*{units.layer.name: None for units in populations}]
    maps = populations[0].network.maps(images, layers)
    for units in populations:
        yield units.read(maps[units.layer.name]).float()


def _direction_norms(sae: SAE) -> Float[Tensor, "m 1 1"]:
    """L2 norm of what one unit of each feature adds to a row, shaped for maps."""
    norms: Tensor = sae.directions.norm(dim=1)[:, None, None]
    return norms


def _refuse_foreign(sae: SAE, network: Network, layer: str) -> None:
    trained_on = (
        sae.about.get("network", network.name),
        sae.about.get("layer", layer),
        sae.about.get("weights", network.digest),
    )
    if trained_on != (network.name, layer, network.digest):
        raise VisaeError(
            f"the SAE was trained on {trained_on[1]} of {trained_on[0]} (weights {trained_on[2][:12]}), "
            f"not on {layer} of {network.name} (weights {network.digest[:12]}); give the network and layer it is for"
        )


def _identity(maps: Tensor) -> Tensor:
    return maps
