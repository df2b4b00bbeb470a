"""What a curve sweep found, and which of the units are curve detectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from visae import files
from visae.tuning import summary
from visae.tuning.plots.radial import Panel, draw

SCHEMA = 1
# A curve detector's tuning has one sharp peak and no echo: the criterion under which the ten curve neurons of
# inception5h's mixed3b (resultants 0.89 to 0.96, echoes up to 0.03) are found.
LEAST_SELECTIVITY, LARGEST_ECHO = 0.85, 0.05
# A unit that hardly responds to any curve is not one, however sharp its tuning looks.
LEAST_PEAK = 0.1
_SHOWN_IN_GREY = 8


@dataclass(frozen=True, eq=False)
class Curves:
    """Responses of `u` units to circles at `o` orientations (degrees, evenly spaced from 0) and `r` radii (px).

    response: at the position in the middle of the image, [u, r, o].
    """

    kind: str
    network: str
    layer: str
    stimulus: str
    orientations: Float[Tensor, " o"]
    radii: Float[Tensor, " r"]
    response: Float[Tensor, "u r o"]

    @cached_property
    def tuning(self) -> Float[Tensor, "u o"]:
        """Response to orientation, averaged over radii; responses below zero count as none."""
        return self.response.clamp_min(0).mean(1)

    @cached_property
    def preferred(self) -> Float[Tensor, " u"]:
        """Preferred orientation: the circular mean of the tuning, in degrees; nan for a unit that never responds."""
        return summary.resultant(self.tuning)[0]

    @cached_property
    def selectivity(self) -> Float[Tensor, " u"]:
        """Resultant length of the tuning: 0 for none, 1 for a single orientation."""
        return summary.resultant(self.tuning)[1]

    @cached_property
    def echo(self) -> Float[Tensor, " u"]:
        """The largest response 150 to 210 degrees from the peak, over the peak."""
        return summary.echo(self.tuning)

    @cached_property
    def width(self) -> Float[Tensor, " u"]:
        """Full width at half maximum, in degrees."""
        return summary.width(self.tuning)

    @cached_property
    def detectors(self) -> Bool[Tensor, " u"]:
        """Which units are curve detectors, by their answers to circles alone (`families` asks lines and edges too).

        Selectivity at least 0.85, echo at most 0.05, and a peak of the tuning at least a tenth of the strongest unit's.
        """
        peak = self.tuning.amax(1)
        strong = (peak > 0) & (peak >= LEAST_PEAK * peak.max())
        return strong & (self.selectivity >= LEAST_SELECTIVITY) & (self.echo <= LARGEST_ECHO)

    @property
    def count(self) -> int:
        """How many units are curve detectors."""
        return int(self.detectors.sum())

    @property
    def max_gap(self) -> float:
        """The largest gap, in degrees, between neighbouring preferred orientations of the curve detectors."""
        return summary.largest_gap(self.preferred[self.detectors])

    def plot(self, path: str | Path) -> None:
        """Draw the detectors' radial tuning curves into a PNG, PDF or SVG file."""
        plot_curves([self], path)

    def panel(self) -> Panel:
        """The curve detectors' tuning; or, where there are none, that of the units that respond most."""
        chosen = self.detectors
        if not self.count:
            strongest = self.tuning.amax(1).argsort(descending=True)[:_SHOWN_IN_GREY]
            title = f"none of {len(self.tuning)} {self.kind}; grey: the {len(strongest)} that respond most"
            return self._panel(title, strongest, self.preferred[chosen])
        title = f"{self.count} of {len(self.tuning)} {self.kind}, largest gap {self.max_gap:.0f}°"
        return self._panel(title, chosen, self.preferred[chosen])

    def _panel(self, title: str, units: Tensor, preferred: Tensor) -> Panel:
        return Panel(title, self.kind, self.orientations.numpy(), self.tuning[units].numpy(), preferred.numpy())

    def save(self, path: str | Path) -> None:
        """Write the whole response tensor with its axes (safetensors)."""
        tensors = {"orientations": self.orientations, "radii": self.radii, "response": self.response}
        words = {"kind": self.kind, "network": self.network, "layer": self.layer, "stimulus": self.stimulus}
        files.write_tensors(Path(path), tensors, {"schema": SCHEMA, **words})


def load_curves(path: str | Path) -> Curves:
    """Read what `Curves.save` wrote."""
    tensors, header = files.read_tensors(Path(path), SCHEMA)
    words = (header[name] for name in ("kind", "network", "layer", "stimulus"))
    return Curves(*words, *(tensors[name] for name in ("orientations", "radii", "response")))


def plot_curves(populations: Sequence[Curves], path: str | Path) -> None:
    """Draw the curve detectors of several populations of units of one layer side by side, on shared axes."""
    # Families, which know lines and edges too, may take others for curve detectors.
    title = f"Curve detectors of {populations[0].network} {populations[0].layer}, by circles alone"
    draw(title, [curves.panel() for curves in populations], Path(path))
