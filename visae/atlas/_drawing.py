"""The pictures that an atlas shows of what units want to see."""

from dataclasses import dataclass
from pathlib import Path

from visae._support.progress import say
from visae.featurevis._album import Album, RenderSettings
from visae.networks import Network
from visae.sae import SAE
from visae.units import features, neurons


@dataclass(frozen=True)
class Pictures:
    """Albums of what was drawn; None where nothing was.

    neurons, features:  what drives them;  opposite: what drives the features down.
    """

    neurons: Album | None = None
    features: Album | None = None
    opposite: Album | None = None

    def reached(self, neurons: int, features: int) -> list[float | None]:
        """The value of every unit under its picture, of so many neurons, then features; None where there is none."""
        return [*_figures(self.neurons, "reached", neurons), *_figures(self.features, "reached", features)]

    def driven_down(self, neurons: int, features: int) -> list[float | None]:
        """The same of what drives the unit, under the picture that drives it down."""
        down = _figures(self.opposite, "value", features)
        return [None] * neurons + [None if value is None else -value for value in down]


def _figures(album: Album | None, name: str, count: int) -> list[float | None]:
    there = {} if album is None else {unit: of[name] for unit, of in album.figures().items()}
    return [there.get(unit) for unit in range(count)]


def draw_pictures(sae: SAE, network: Network, folder: Path, steps: int, seed: int = 0) -> Pictures:
    """Draw what drives every neuron and feature, and what drives every feature down, unless it is there already.

    Nothing is drawn in 0 steps.
    """
    if steps == 0:
        return Pictures()
    layer = sae.about["layer"]
    of_features, of_neurons = features(network, layer, sae), neurons(network, layer)
    albums = {
        "drives the neurons": Album(of_neurons, folder / "neurons", RenderSettings(steps=steps, seed=seed)),
        "drives the features": Album(of_features, folder / "features", RenderSettings(steps=steps, seed=seed)),
        "drives the features down": Album(
            of_features, folder / "opposite", RenderSettings("pre_activation", negative=True, steps=steps, seed=seed)
        ),
    }
    for what, album in albums.items():
        say(f"atlas: drawing what {what}")
        album.draw(range(len(album.units)))
    return Pictures(*albums.values())
