"""visae fetch"""

from dataclasses import dataclass
from typing import Annotated

import tyro

from visae.commands.options import check_network


@dataclass
class FetchCommand:
    """Download a network's weights, verify them, and keep them in the cache.

    An interrupted download is resumed. The file's digest must match the network's card.

    Example: visae fetch inceptionv1
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """inceptionv1, inceptionv1-caffe, or torchvision:NAME."""

    def check(self) -> None:
        """Raise `VisaeError` for an unknown network."""
        check_network(self.name)

    def run(self) -> None:
        """Fetch, and print where the file is."""
        from visae.networks import fetch_weights, network_card

        print(fetch_weights(network_card(self.name)))
