"""What a sweep measured: every unit's response at every combination of a stimulus's parameters."""

from dataclasses import dataclass, field
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae.tuning.stimuli import stimulus

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses of `u` units of a layer to one kind of stimulus.

    axes:   the parameters that were varied and their values, in the order of the axes of `values`.
    values: [u, *axes], at the position that the stimulus was centred on.
    fixed:  parameters that were not varied and not at their defaults.
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
        """Degrees after which the stimulus's orientation comes round."""
        return stimulus(self.stimulus).period

    def tuning(self, axis: str = "orientation") -> Float[Tensor, "u a"]:
        """Responses along one axis, averaged over all others; responses below zero count as none."""
        place = self._place(axis)
        others = [dim for dim in range(1, self.values.ndim) if dim != place]
        positive = self.values.clamp_min(0)
        return positive.mean(others) if others else positive

    def peak(self) -> Float[Tensor, " u"]:
        """The largest response of each unit to any of the stimuli."""
        return self.values.flatten(1).amax(1)

    def save(self, path: str | Path) -> None:
        """Write everything into one safetensors file."""
        words = {name: getattr(self, name) for name in ("kind", "network", "layer", "stimulus")}
        axes = {f"axis.{name}": values for name, values in self.axes.items()}
        header = {"schema": SCHEMA, **words, "axes": list(self.axes), "fixed": self.fixed}
        files.write_tensors(Path(path), {"values": self.values.contiguous(), **axes}, header)

    def _place(self, axis: str) -> int:
        if axis not in self.axes:
            raise VisaeError(f"{self.stimulus} was not swept over {axis!r}, only over {', '.join(self.axes)}")
        return list(self.axes).index(axis) + 1


def load_responses(path: str | Path) -> Responses:
    """Read what `Responses.save` wrote."""
    tensors, header = files.read_tensors(Path(path), SCHEMA)
    axes = {name: tensors[f"axis.{name}"] for name in header["axes"]}
    kind, network, layer, stimulus = (header[name] for name in ("kind", "network", "layer", "stimulus"))
    return Responses(kind, network, layer, stimulus, axes, tensors["values"], header["fixed"])
