"""Units: neurons and features as one thing. Images in, maps [b, u, h, w] out."""

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
    """Some units of a layer: its channels, or the features of an SAE over it.

    kind:  `neurons` or `features`.
    read:  from the layer's maps [b, c, h, w] to the units' maps [b, u, h, w], position by position.
    sae:   whose features they are; None for neurons.
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
        """The units' maps of RGB images, 0..1."""
        return self.read(self.network.maps(images, [self.layer.name])[self.layer.name])

    def pre_activations(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b u h w"]:
        """What drives the units, and has a gradient where they are silent: pre-activations, on the scale of `read`.

        Of neurons, the neurons.
        """
        if self.sae is None:
            return self.read(maps)
        return self.sae.pre_activations(maps) * _size(self.sae)

    def rebuilt(self, values: Float[Tensor, "b u h w"]) -> Float[Tensor, "b c h w"]:
        """The layer's maps again, from the units' values: what the SAE decodes of them; of neurons, the same."""
        if self.sae is None:
            return values
        # A feature that adds nothing has the value 0, whatever it is divided by.
        return self.sae.decode(values / _size(self.sae).clamp_min(1e-30))

    @property
    def directions(self) -> Float[Tensor, "u c"]:
        """What each unit stands for in the layer: what one unit of a feature adds, or the neuron's own axis."""
        return torch.eye(self.layer.channels) if self.sae is None else self.sae.directions

    def at(self, images: Float[Tensor, "b 3 h w"], row: int, column: int) -> Float[Tensor, "b u"]:
        """The units' values at one position of the layer's maps, of RGB images, 0..1."""
        name = self.layer.name
        return self.read(self.network.read_at(images, {name: (row, column)})[name])[:, :, 0, 0]


def neurons(network: Network, layer: str) -> Units:
    """The channels of a layer as units; raises `VisaeError` for a layer that does not exist."""
    of = network.layer(layer)
    return Units("neurons", network, of, of.channels, _as_they_are)


def features(network: Network, layer: str, sae: SAE | str | Path) -> Units:
    """The features of an SAE over a layer as units. A feature's value is the L2 norm of what it adds to a row.

    Raises `VisaeError` if the SAE is not of this layer's width, or was trained on another network or layer.
    """
    of = network.layer(layer)
    sae = sae if isinstance(sae, SAE) else load(sae)
    if sae.dim != of.channels:
        raise VisaeError(f"the SAE is over rows of {sae.dim}, {layer} of {network.name} has {of.channels} channels")
    _refuse_foreign(sae, network, layer)
    size = _size(sae)
    return Units("features", network, of, sae.width, lambda maps: sae.encode(maps) * size, sae)


def join_units(one: Units, other: Units) -> Units:
    """Two populations of one layer as one: the units of the first, then those of the second."""

    def read(maps: Tensor) -> Tensor:
        first = one.read(maps)
        return torch.cat([first, other.read(maps).to(first)], 1)

    return Units(f"{one.kind} and {other.kind}", one.network, one.layer, len(one) + len(other), read)


def read_all(populations: Sequence[Units], images: Float[Tensor, "b 3 h w"]) -> Iterator[Float[Tensor, "b _ _ _"]]:
    """The maps of populations of units of one network, one after another, from one forward pass."""
    layers = [*{units.layer.name: None for units in populations}]
    maps = populations[0].network.maps(images, layers)
    for units in populations:
        yield units.read(maps[units.layer.name]).float()


def _size(sae: SAE) -> Float[Tensor, "m 1 1"]:
    """How long what one unit of each feature adds is, over maps."""
    size: Tensor = sae.directions.norm(dim=1)[:, None, None]
    return size


def _refuse_foreign(sae: SAE, network: Network, layer: str) -> None:
    made = (
        sae.about.get("network", network.name),
        sae.about.get("layer", layer),
        sae.about.get("weights", network.digest),
    )
    if made != (network.name, layer, network.digest):
        raise VisaeError(
            f"the SAE was trained on {made[1]} of {made[0]} (weights {made[2][:12]}), "
            f"not on {layer} of {network.name} (weights {network.digest[:12]}); give those it was made for"
        )


def _as_they_are(maps: Tensor) -> Tensor:
    return maps
