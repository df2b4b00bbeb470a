"""visae networks"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import tyro

from visae._support.errors import VisaeError
from visae.networks import card_names, find_weights, network_card, network_layers


@dataclass
class Networks:
    """List the networks, or the layers of one.

    Example: visae networks inceptionv1-caffe
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")] = ""
    """A network, to list its layers with their channels, stride and receptive field in px."""

    def run(self) -> None:
        """Print the list."""
        lines = _layers(self.name) if self.name else _networks()
        for line in lines:
            # One by one, because a torchvision network's layers are measured as they are listed.
            print(line, flush=True)


def _networks() -> Iterator[str]:
    yield f"{'planted':<20} built, needs no weights; 70 known features in 48 neurons; planted:S sets the inhibition"
    for name in card_names():
        card = network_card(name)
        yield f"{name:<20} {card.title}; {_state(name)}"
    yield f"{'torchvision:NAME':<20} any classifier of torchvision, for instance torchvision:resnet18"


def _state(name: str) -> str:
    try:
        return f"weights in {find_weights(network_card(name))}"
    except VisaeError:
        return f"weights not here yet (visae fetch {name})"


def _layers(name: str) -> Iterator[str]:
    layers = network_layers(name)
    yield f"{'layer':<32} {'channels':>8} {'stride':>6} {'sees (px)':>9}"
    for layer in layers.values():
        yield f"{layer.name:<32} {layer.channels:>8} {layer.stride:>6} {layer.receptive_field:>9}"
