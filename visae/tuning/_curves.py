"""Curve sweeps: responses of units to circles, and which of the units are curve detectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae.tuning._battery import Battery, battery_axes
from visae.tuning._curve_detectors import RIVALS, is_curve_detector
from visae.tuning._responses import OrientationTuning, Responses, orientation_tuning
from visae.tuning._sweep import sweep
from visae.tuning._tuning_statistics import largest_gap, resultant, tuning_width
from visae.tuning._views import widest
from visae.units import Units

SCHEMA = 2
# Schema 1 had no rival peaks.
_UPGRADES: files.Upgrades = {1: dict}
_RIVAL_PEAK = "rival_peak."

# The circles of the published sweeps, by the names that `curves` takes.
CIRCLES = {"stroke": "circle", "filled": "disc"}


@dataclass(frozen=True, eq=False)
class Curves:
    """Responses of `u` units to circles at `o` orientations (degrees, evenly spaced from 0) and `r` radii (px).

    response:    at the middle position of the image, [u, r, o].
    rival_peaks: largest response of each unit to any line, edge and angle, by these names, [u] each. Empty in files
                 written before it was measured; then `detectors` is unknown.
    """

    kind: str
    network: str
    layer: str
    stimulus: str
    orientations: Float[Tensor, " o"]
    radii: Float[Tensor, " r"]
    response: Float[Tensor, "u r o"]
    rival_peaks: Mapping[str, Float[Tensor, " u"]] = field(default_factory=dict)

    @classmethod
    def from_battery(cls, battery: Battery) -> "Curves":
        """Return the curves of a battery, as `curves` measures them for the same units."""
        circle = battery.responses["circle"]
        rivals = {name: battery.responses[name].peak() for name in RIVALS}
        return cls(
            circle.kind,
            circle.network,
            circle.layer,
            "stroke",
            circle.axes["orientation"],
            circle.axes["radius"],
            circle.values,
            rivals,
        )

    @cached_property
    def responses(self) -> Responses:
        """The same as `Responses` to circles or discs."""
        axes = {"radius": self.radii, "orientation": self.orientations}
        return Responses(self.kind, self.network, self.layer, CIRCLES[self.stimulus], axes, self.response)

    @cached_property
    def tuning(self) -> Float[Tensor, "u o"]:
        """Response to orientation, averaged over radii; negative responses count as 0."""
        return self.responses.tuning()

    @cached_property
    def preferred(self) -> Float[Tensor, " u"]:
        """Preferred orientation as published: the circular mean of the whole tuning curve, degrees.

        nan for a unit that never responds. Families, gaps and the atlas use `preferred_orientation`, which differs by a
        few degrees: see `visae.tuning._tuning_statistics`.
        """
        return resultant(self.tuning)[0]

    @property
    def selectivity(self) -> Float[Tensor, " u"]:
        """Resultant length of the tuning: 0 for no selectivity, 1 for a single orientation."""
        return self._circle.selectivity

    @property
    def echo(self) -> Float[Tensor, " u"]:
        """The largest response 150 to 210 degrees from the peak, over the peak."""
        return self._circle.echo

    @cached_property
    def width(self) -> Float[Tensor, " u"]:
        """Full width at half maximum, degrees."""
        return tuning_width(self.tuning)

    @cached_property
    def detectors(self) -> Bool[Tensor, " u"]:
        """Which units are curve detectors: see `is_curve_detector`.

        Raises `VisaeError` if responses to lines, edges and angles are missing.
        """
        missing = [name for name in RIVALS if name not in self.rival_peaks]
        if missing:
            raise VisaeError(
                f"the curves of {self.layer} lack responses to {', '.join(missing)}, without which curve "
                "detectors are unknown; sweep the units again"
            )
        return is_curve_detector(self._circle, self.rival_peaks)

    @property
    def count(self) -> int:
        """The number of curve detectors."""
        return int(self.detectors.sum())

    @property
    def max_gap(self) -> float:
        """The largest gap between neighbouring preferred orientations of the curve detectors, degrees."""
        return largest_gap(self.preferred[self.detectors])

    def save(self, path: str | Path) -> None:
        """Write the responses with their axes to a safetensors file."""
        tensors = {"orientations": self.orientations, "radii": self.radii, "response": self.response}
        tensors |= {_RIVAL_PEAK + name: peaks for name, peaks in self.rival_peaks.items()}
        names = {"kind": self.kind, "network": self.network, "layer": self.layer, "stimulus": self.stimulus}
        files.write_tensors(Path(path), tensors, {"schema": SCHEMA, **names})

    @cached_property
    def _circle(self) -> OrientationTuning:
        return orientation_tuning(self.responses)


def load_curves(path: str | Path) -> Curves:
    """Read a file written by `Curves.save`."""
    tensors, header = files.read_tensors(Path(path), SCHEMA, upgrades=_UPGRADES)
    kind, network, layer, stimulus = (header[name] for name in ("kind", "network", "layer", "stimulus"))
    orientations, radii, response = (tensors[name] for name in ("orientations", "radii", "response"))
    rivals = {name: tensors[_RIVAL_PEAK + name] for name in RIVALS if _RIVAL_PEAK + name in tensors}
    return Curves(kind, network, layer, stimulus, orientations, radii, response, rivals)


def curves(
    units: Units,
    stimulus: str = "stroke",
    orientations: int = 72,
    radii: int | Float[Tensor, " r"] = 16,
    batch: int = 64,
) -> Curves:
    """Measure the responses of units to circles, and their peak responses to lines, edges and corners.

    stimulus:     `stroke` or `filled`.
    orientations: their number, evenly spaced over 360 degrees.
    radii:        px; or their number, log-spaced from 0.12 to 2.94 receptive fields.

    The rim passes through the centre of the receptive field of the position that is read. Raises `VisaeError` for an
    unknown stimulus, for fewer than 8 orientations or 1 radius, and for a radius that is not above 0.
    """
    return curves_of([units], stimulus, orientations, radii, batch)[0]


def curves_of(
    populations: Sequence[Units],
    stimulus: str = "stroke",
    orientations: int = 72,
    radii: int | Float[Tensor, " r"] = 16,
    batch: int = 64,
) -> list[Curves]:
    """Measure `curves` of populations of units of one network, in one pass; radii are scaled to the largest layer.

    Raises the same errors.
    """
    if stimulus not in CIRCLES:
        raise VisaeError(f"no circle named {stimulus!r}; there are {', '.join(CIRCLES)}")
    axes = battery_axes(widest(populations), orientations, 1 if isinstance(radii, Tensor) else radii)
    circle = axes["circle"]
    if isinstance(radii, Tensor):
        circle["radius"] = radii.float()
    responses = sweep(populations, CIRCLES[stimulus], circle, batch=batch)
    rivals = {name: sweep(populations, name, axes[name], batch=batch) for name in RIVALS}
    return [
        Curves(
            each.kind,
            each.network,
            each.layer,
            stimulus,
            circle["orientation"],
            circle["radius"],
            each.values,
            {name: rivals[name][index].peak() for name in RIVALS},
        )
        for index, each in enumerate(responses)
    ]
