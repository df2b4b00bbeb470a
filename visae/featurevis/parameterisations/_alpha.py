"""Pictures that may be transparent: where a unit does not care, nothing is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.parameterisations._fourier import Fourier
from visae.featurevis.parameterisations._parameterisation import Parameterisation
from visae.featurevis.parameterisations._pyramid import enlarged, sides

_OPACITY_AT_START = 1.0  # before the sigmoid: 0.73


@dataclass(frozen=True)
class Alpha:
    """The pictures of another parameterisation with an alpha channel beside, a smooth pyramid of its own.

    The network is shown them over noise, a new one at each step, so that what is not opaque is worth nothing; an
    objective that is `sparing` keeps opaque only what counts.
    """

    of: Parameterisation = field(default_factory=Fourier)

    @property
    def rate(self) -> float:
        """That of the other one."""
        return self.of.rate

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Those of the other one, then those of alpha; see `Parameterisation`."""
        planes = [torch.zeros(1, side, side) for side in sides(size)]
        planes[-1] += _OPACITY_AT_START
        return [*planes, *self.of.start(size, generator)]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 4 s s"]:
        """Pictures of `size` px, RGB and alpha; see `Parameterisation`."""
        levels = len(sides(size))
        alpha = enlarged(parameters[:levels], size).sigmoid()
        return torch.cat([self.of.pictures(parameters[levels:], size), alpha], 1)
