"""Pictures by their frequencies, on decorrelated colours: the default."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.parameterisations._colour import MEASURED, Colours


@dataclass(frozen=True)
class Fourier:
    """Real and imaginary parts of every frequency, scaled so that a step changes all scales alike in natural images.

    picture = sigmoid(mix @ irfft2(z / max(f, 1/s)^decay) / 4), f in cycles a pixel (Olah et al. 2017; lucid's
    `fft_image`).

    sd:     of the parameters at the start.
    decay:  exponent of the amplitude spectrum; about 1 in natural images.
    """

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    decay: float = 1.0
    colours: Colours = MEASURED

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Small noise; see `Parameterisation`."""
        return [torch.randn(3, size, size // 2 + 1, 2, generator=generator) * self.sd]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        (spectrum,) = parameters
        scaled = spectrum * (frequencies(size).clamp_min(1 / size) ** -self.decay).to(spectrum)[..., None]
        planes = torch.fft.irfft2(torch.view_as_complex(scaled), s=(size, size), norm="ortho")
        return self.colours.to_rgb(planes / 4)


def frequencies(size: int) -> Float[Tensor, "s f"]:
    """The frequency of every term of `rfft2` of a square of `size` px, in cycles a pixel."""
    return torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None])
