"""Pictures of bounded contrast: what suits a unit most of all pictures that are equally strong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.parameterisations._parameterisation import Parameterisation
from visae.featurevis.parameterisations._pixels import Pixels

_NEARLY = 1e-3  # from black and from white, where a logit is finite


@dataclass(frozen=True)
class Bounded:
    """The pictures of another parameterisation, of which none has more than a given contrast.

    Without a bound the best picture of a linear unit is the sign of its kernel, black and white throughout. Of all
    pictures of one norm it is the kernel itself. So this is the usual parameterisation of layers that see little.

    contrast:  root mean square of the picture before the sigmoid, at most; 1 is about that of photographs.
    """

    of: Parameterisation = field(default_factory=Pixels)
    contrast: float = 1.0

    @property
    def rate(self) -> float:
        """That of the other one."""
        return self.of.rate

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """That of the other one; see `Parameterisation`."""
        return self.of.start(size, generator)

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        planes = self.of.pictures(parameters, size).clamp(_NEARLY, 1 - _NEARLY).logit()
        strength = planes.square().mean((1, 2, 3), keepdim=True).sqrt()
        return (planes * (self.contrast / strength).clamp_max(1)).sigmoid()
