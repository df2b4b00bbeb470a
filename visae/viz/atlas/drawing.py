"""The pictures that an atlas shows of what units want to see."""

from dataclasses import dataclass
from pathlib import Path

from visae.sae import SAE
from visae.units import features, neurons
from visae.viz.album import Album, Style
from visae.zoo import Network


@dataclass(frozen=True)
class Pictures:
    """Albums of what was drawn; None where nothing was.

    neurons, features:  what drives them;  opposite: what drives the features down.
    """

    neurons: Album | None = None
    features: Album | None = None
    opposite: Album | None = None


def draw_pictures(sae: SAE, network: Network, folder: Path, steps: int, seed: int = 0) -> Pictures:
    """Draw what drives every neuron and feature, and what drives every feature down, unless it is there already.

    Nothing is drawn in 0 steps.
    """
    if steps == 0:
        return Pictures()
    layer = sae.about["layer"]
    of_features, of_neurons = features(network, layer, sae), neurons(network, layer)
    albums = (
        Album(of_neurons, folder / "neurons", Style(steps=steps, seed=seed)),
        Album(of_features, folder / "features", Style(steps=steps, seed=seed)),
        Album(of_features, folder / "opposite", Style("drive", negative=True, steps=steps, seed=seed)),
    )
    for album in albums:
        album.draw(range(len(album.units)))
    return Pictures(*albums)
