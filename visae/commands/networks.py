"""visae networks"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import tyro

from visae._support.errors import VisaeError
from visae.commands.options import check_network


@dataclass
class NetworksCommand:
    """List the networks, or the layers of one.

    Example: visae networks inceptionv1-caffe
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")] = ""
    """A network, to list its layers with their channels, stride and receptive field in px."""

    def check(self) -> None:
        """Raise `VisaeError` for an unknown network."""
        if self.name:
            check_network(self.name)

    def run(self) -> None:
        """Print the list."""
        lines = _layers(self.name) if self.name else _networks()
        for line in lines:
            # One by one, because a torchvision network's layers are measured as they are listed.
            print(line, flush=True)


def _networks() -> Iterator[str]:
    from visae.networks import card_names, network_card

    yield f"{'planted':<20} built, needs no weights; 70 known features in 48 neurons; planted:S sets the inhibition"
    for name in card_names():
        yield f"{name:<20} {network_card(name).title}; {_state(name)}"
    yield f"{'torchvision:NAME':<20} any torchvision classifier, for instance torchvision:resnet18"


def _state(name: str) -> str:
    from visae.networks import find_weights, network_card

    try:
        return f"weights in {find_weights(network_card(name))}"
    except VisaeError:
        return f"weights not here yet (visae fetch {name})"


def _layers(name: str) -> Iterator[str]:
    from visae.networks import network_layers

    yield f"{'layer':<32} {'channels':>8} {'stride':>6} {'sees (px)':>9}"
    for layer in network_layers(name).values():
        yield f"{layer.name:<32} {layer.channels:>8} {layer.stride:>6} {layer.receptive_field:>9}"
