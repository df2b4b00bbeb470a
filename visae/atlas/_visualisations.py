"""Feature visualisations of all units of an atlas: rendering them, and reading them from their folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from visae._support.progress import say
from visae.featurevis import Album, RenderSettings
from visae.networks import Network
from visae.sae import SAE
from visae.units import features, neurons

Picture = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Visualisations:
    """Albums of feature visualisations; None for albums not rendered.

    neurons, features: maximise the unit.
    opposite:          minimise the feature's pre-activation.
    """

    neurons: Album | None = None
    features: Album | None = None
    opposite: Album | None = None

    @property
    def available(self) -> dict[str, bool]:
        """Which albums there are."""
        albums = {"neurons": self.neurons, "features": self.features, "opposite": self.opposite}
        return {name: album is not None for name, album in albums.items()}

    def responses(self, neurons: int, features: int) -> list[float | None]:
        """Return the value of every unit, neurons first, on its own visualisation; None where it has none.

        neurons, features: how many there are.
        """
        return [*_metric(self.neurons, "reached", neurons), *_metric(self.features, "reached", features)]

    def opposite_responses(self, neurons: int, features: int) -> list[float | None]:
        """Return the pre-activation of every unit on the visualisation that minimises it; None where it has none."""
        negated = _metric(self.opposite, "value", features)
        return [None] * neurons + [None if value is None else -value for value in negated]

    def pictures(self, neurons: int, features: int) -> Iterator[Picture | None]:
        """Read the visualisations of all units, neurons first; None where there is none."""
        for album, count in ((self.neurons, neurons), (self.features, features)):
            yield from (_read(album, unit) for unit in range(count))

    def opposite_picture(self, feature: int) -> Picture | None:
        """Read the visualisation that minimises a feature; None where there is none."""
        return _read(self.opposite, feature)


def render_visualisations(sae: SAE, network: Network, folder: Path, steps: int, seed: int = 0) -> Visualisations:
    """Render pictures that maximise every neuron and feature, and that minimise every feature; keep them in `folder`.

    Pictures already in the folder with the same settings are not rendered again. 0 steps render nothing.
    """
    if steps == 0:
        return Visualisations()
    layer = sae.about["layer"]
    layer_neurons, sae_features = neurons(network, layer), features(network, layer, sae)
    maximise = RenderSettings(steps=steps, seed=seed)
    minimise = RenderSettings("pre_activation", negative=True, steps=steps, seed=seed)
    albums = {
        "maximise the neurons": Album(layer_neurons, folder / "neurons", maximise),
        "maximise the features": Album(sae_features, folder / "features", maximise),
        "minimise the features": Album(sae_features, folder / "opposite", minimise),
    }
    for purpose, album in albums.items():
        say(f"atlas: rendering pictures that {purpose}")
        album.render(range(len(album.units)))
    return Visualisations(*albums.values())


def _metric(album: Album | None, name: str, count: int) -> list[float | None]:
    """Return one of the metrics that an album keeps for its pictures, for `count` units."""
    values = {} if album is None else {unit: metrics[name] for unit, metrics in album.metrics().items()}
    return [values.get(unit) for unit in range(count)]


def _read(album: Album | None, unit: int) -> Picture | None:
    if album is None or not album.file(unit).is_file():
        return None
    with Image.open(album.file(unit)) as picture:
        return np.asarray(picture.convert("RGB"))
