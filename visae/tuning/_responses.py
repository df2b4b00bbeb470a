"""Responses of units to a sweep, stored with their axes, and the orientation tuning derived from them."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae.tuning._tuning_statistics import echo, preferred_orientation, resultant
from visae.tuning.stimuli import stimulus

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses of `u` units of a layer to one kind of stimulus.

    axes:   the parameters that were varied and their values, in the order of the axes of `values`.
    values: [u, *axes], at the position that the stimulus was centred on.
    fixed:  parameters held constant at values other than their defaults.
    """

    kind: str
    network: str
    layer: str
    stimulus: str
    axes: dict[str, Float[Tensor, " _"]]
    values: Float[Tensor, "u ..."]
    fixed: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def period(self) -> float:
        """Degrees after which the stimulus's orientation repeats."""
        return stimulus(self.stimulus).period

    def tuning(self, axis: str = "orientation") -> Float[Tensor, "u a"]:
        """Return the responses along one axis, averaged over all others; negative responses count as 0."""
        dim = self._dim(axis)
        others = [index for index in range(1, self.values.ndim) if index != dim]
        positive = self.values.clamp_min(0)
        return positive.mean(others) if others else positive

    def peak(self) -> Float[Tensor, " u"]:
        """Return the largest response of each unit to any of the stimuli."""
        return self.values.flatten(1).amax(1)

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file."""
        names = {name: getattr(self, name) for name in ("kind", "network", "layer", "stimulus")}
        axes = {f"axis.{name}": values for name, values in self.axes.items()}
        header = {"schema": SCHEMA, **names, "axes": list(self.axes), "fixed": self.fixed}
        files.write_tensors(Path(path), {"values": self.values.contiguous(), **axes}, header)

    def _dim(self, axis: str) -> int:
        if axis not in self.axes:
            raise VisaeError(f"{self.stimulus} was not swept over {axis!r}, only over {', '.join(self.axes)}")
        return list(self.axes).index(axis) + 1


def load_responses(path: str | Path) -> Responses:
    """Read a file written by `Responses.save`."""
    tensors, header = files.read_tensors(Path(path), SCHEMA)
    axes = {name: tensors[f"axis.{name}"] for name in header["axes"]}
    kind, network, layer, stimulus = (header[name] for name in ("kind", "network", "layer", "stimulus"))
    return Responses(kind, network, layer, stimulus, axes, tensors["values"], header["fixed"])


@dataclass(frozen=True, eq=False)
class OrientationTuning:
    """Statistics of the orientation tuning of `u` units to one kind of stimulus.

    peak:        the largest response to any of the stimuli.
    orientation: the preferred orientation, degrees (`preferred_orientation`).
    selectivity: resultant length on the stimulus's own period, 0..1.
    axial:       the same with opposite orientations identified.
    echo:        the largest response 150 to 210 degrees from the peak, over the peak; 0 for a period of 180 degrees.
    """

    peak: Float[Tensor, " u"]
    orientation: Float[Tensor, " u"]
    selectivity: Float[Tensor, " u"]
    axial: Float[Tensor, " u"]
    echo: Float[Tensor, " u"]


def orientation_tuning(responses: Responses) -> OrientationTuning:
    """Compute the orientation tuning in a sweep."""
    tuning, period, peak = responses.tuning(), responses.period, responses.peak()
    orientation, (_, selectivity) = preferred_orientation(tuning, period), resultant(tuning, period)
    if period == 180:
        return OrientationTuning(peak, orientation, selectivity, selectivity, torch.zeros_like(selectivity))
    half = tuning.shape[1] // 2
    _, axial = resultant(tuning[:, :half] + tuning[:, half : 2 * half], 180.0)
    return OrientationTuning(peak, orientation, selectivity, axial, echo(tuning))
