"""visae fetch"""

from dataclasses import dataclass

import tyro

from visae.networks import fetch_weights, network_card


@dataclass
class Fetch:
    """Download a network's weights, verify them, and keep them in the cache.

    A download that broke off is resumed. The file's digest must be that of the network's card.

    Example: visae fetch inceptionv1
    """

    name: tyro.conf.Positional[str]
    """inceptionv1, inceptionv1-caffe, or torchvision:NAME."""

    def run(self) -> None:
        """Fetch, and say where the file is."""
        print(fetch_weights(network_card(self.name)))
