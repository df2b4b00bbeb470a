"""What a curve sweep found, and which of the units are curve detectors."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from visae._support import files
from visae.tuning import _statistics as summary

SCHEMA = 1
# A curve detector's tuning has one sharp peak and no echo: the criterion under which the ten curve neurons of
# inception5h's mixed3b (resultants 0.89 to 0.96, echoes up to 0.03) are found.
LEAST_SELECTIVITY, LARGEST_ECHO = 0.85, 0.05
# A unit that hardly responds to any curve is not one, however sharp its tuning looks.
LEAST_PEAK = 0.1


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
