"""Parameterisations: from parameters to pictures. They determine which pictures gradient ascent reaches easily.

Each can make any picture; they differ in how far apart two pictures lie, and so in what an optimiser step does
(Mordvintsev et al. 2018, "Differentiable Image Parameterizations").
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.images import Images, batches

_BATCH = 32  # images


@dataclass(frozen=True)
class ColourSpace:
    """Axes of colour: `mix[c][a]` is what a step along axis a adds to RGB channel c. The longest axis has length 1.

    In RGB the three channels of natural images rise and fall together. A step against that costs the optimiser nothing
    and gives the garish colours of naive renderings. Along decorrelated axes (mostly grey, then blue against orange,
    then green against magenta) a step of a given size is as likely as in photographs (Olah et al. 2017, "Feature
    Visualization").
    """

    mix: tuple[tuple[float, float, float], ...]

    def to_rgb(self, axes: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Convert coordinates along the axes to pixels, 0..1: sigmoid(mix @ axes); zero is mid-grey."""
        return torch.einsum("ca,bahw->bchw", torch.tensor(self.mix).to(axes), axes).sigmoid()

    def from_rgb(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Convert pixels, 0..1, to coordinates; clamped to 0.02..0.98, since black and white have infinite logits."""
        inverse = torch.linalg.inv(torch.tensor(self.mix, dtype=torch.float64)).to(rgb)
        return torch.einsum("ac,bchw->bahw", inverse, rgb.clamp(0.02, 0.98).logit())


# Measured on 4,141 photographs by `python benchmarks/colours.py`, which prints this line and plots the axes.
DECORRELATED = ColourSpace(((0.5697, 0.2373, 0.0623), (0.5833, -0.0061, -0.129), (0.579, -0.2273, 0.0686)))
RGB = ColourSpace(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))


def measure_colours(images: Images) -> ColourSpace:
    """Compute the principal axes of the images' pixels: E sqrt(L) for the RGB covariance E L E^T; longest first.

    Signs are chosen so that an axis adds red. Raises `VisaeError` if none of the images can be read.
    """
    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    with Progress("colours", len(images), "images") as progress:
        for batch in batches(images, _BATCH):
            pixels = batch.pixels.double().div(255).permute(1, 0, 2, 3).flatten(1)
            count, total, products = count + pixels.shape[1], total + pixels.sum(1), products + pixels @ pixels.T
            progress.update(len(batch.indices) + len(batch.skipped))
    if not count:
        raise VisaeError(f"none of the {len(images)} images of {images.name} can be read; give readable images")
    mean = total / count
    values, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    axes = (vectors * values.clamp_min(0).sqrt()).flip(1)
    axes = axes * torch.where(axes[0] < 0, -1.0, 1.0) / axes.norm(dim=0).amax()
    return ColourSpace(tuple((row[0].item(), row[1].item(), row[2].item()) for row in axes))


_COARSEST = 4  # px, side of a pyramid's smallest level
_MARGIN = 1e-3  # distance from black and white, whose logits are infinite
_INITIAL_ALPHA = 1.0  # before the sigmoid: an opacity of 0.73
_NEARLY_LINEAR = 32  # px, receptive field below which a unit is nearly linear in the pixels


@runtime_checkable
class Parameterisation(Protocol):
    """How pictures are made. Pictures are independent: row i of every parameter belongs to picture i."""

    @property
    def rate(self) -> float:
        """A learning rate for Adam that suits the parameters."""

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Float[Tensor, "..."]]:
        """Draw the parameters of one picture of `size` px."""

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b c s s"]:
        """Make pictures of `size` px, 0..1: RGB, or RGB and alpha. Differentiable."""


def default_parameterisation(receptive_field: int) -> Parameterisation:
    """Fourier, with bounded contrast below 32 px, where units are so linear that every pixel would saturate."""
    return Bounded(Fourier()) if receptive_field < _NEARLY_LINEAR else Fourier()


@dataclass(frozen=True)
class Fourier:
    """Real and imaginary parts of every frequency, so that a step changes all scales in natural proportion.

    picture = sigmoid(mix @ irfft2(z / max(f, 1/s)^decay) / 4), f in cycles per pixel (Olah et al. 2017; lucid's
    `fft_image`).

    sd:     standard deviation of the initial parameters.
    decay:  exponent of the amplitude spectrum; about 1 in natural images.
    """

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    decay: float = 1.0
    colours: ColourSpace = DECORRELATED

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Gaussian noise; see `Parameterisation`."""
        return [torch.randn(3, size, size // 2 + 1, 2, generator=generator) * self.sd]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        (spectrum,) = parameters
        scaled = spectrum * (_frequencies(size).clamp_min(1 / size) ** -self.decay).to(spectrum)[..., None]
        planes = torch.fft.irfft2(torch.view_as_complex(scaled), s=(size, size), norm="ortho")
        return self.colours.to_rgb(planes / 4)


def _frequencies(size: int) -> Float[Tensor, "s f"]:
    """Return the frequency of every term of `rfft2` of a square of `size` px, in cycles per pixel."""
    return torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None])


@dataclass(frozen=True)
class Pixels:
    """Independent pixels, picture = sigmoid(mix @ z): no prior. Mostly noise; a baseline for the others.

    sd:  standard deviation of the initial parameters.
    """

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    colours: ColourSpace = DECORRELATED

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Gaussian noise; see `Parameterisation`."""
        return [torch.randn(3, size, size, generator=generator) * self.sd]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        assert parameters[0].shape[-1] == size
        return self.colours.to_rgb(parameters[0])


@dataclass(frozen=True)
class Pyramid:
    """A Laplacian pyramid: picture = sigmoid(mix @ sum over levels of z_l, enlarged to full size).

    Each level has half the side of the previous one, down to 4 px (lucid's `laplacian_pyramid`).

    sd:  standard deviation of the initial parameters of each level.
    """

    rate: ClassVar[float] = 0.05
    sd: float = 0.01
    colours: ColourSpace = DECORRELATED

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Gaussian noise at every level; see `Parameterisation`."""
        return [torch.randn(3, side, side, generator=generator) * self.sd for side in _level_sides(size)]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        return self.colours.to_rgb(_sum_of_levels(parameters, size))


def _sum_of_levels(levels: Sequence[Float[Tensor, "b c _ _"]], size: int) -> Float[Tensor, "b c s s"]:
    """Sum all levels, each enlarged to `size` px."""
    planes = [F.interpolate(level, (size, size), mode="bilinear", align_corners=False) for level in levels]
    return torch.stack(planes).sum(0)


def _level_sides(size: int) -> list[int]:
    """Return the sides of a pyramid's levels, px, finest first."""
    sides = [size]
    while sides[-1] >= 2 * _COARSEST:
        sides.append(sides[-1] // 2)
    return sides


@dataclass(frozen=True)
class Bounded:
    """Pictures of another parameterisation, scaled down to a given contrast if they exceed it.

    Without a bound, the best picture for a linear unit is the sign of its kernel, all black and white. Among pictures
    of equal norm it is the kernel itself. Hence the default for layers with small receptive fields.

    base:      parameterisation of the pictures.
    contrast:  maximum root mean square of a picture before the sigmoid; about 1 for photographs.
    """

    base: Parameterisation = field(default_factory=Pixels)
    contrast: float = 1.0

    @property
    def rate(self) -> float:
        """The base's learning rate."""
        return self.base.rate

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """The base's parameters; see `Parameterisation`."""
        return self.base.initial_parameters(size, generator)

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        logits = self.base.pictures(parameters, size).clamp(_MARGIN, 1 - _MARGIN).logit()
        contrast = logits.square().mean((1, 2, 3), keepdim=True).sqrt()
        return (logits * (self.contrast / contrast).clamp_max(1)).sigmoid()


@dataclass(frozen=True)
class Alpha:
    """Pictures of another parameterisation with an alpha channel, which is a smooth pyramid.

    The network sees them over noise that changes at every step, so that transparent parts score nothing; with
    `penalise_opacity` only what the unit responds to stays opaque.

    base:  parameterisation of the colours.
    """

    base: Parameterisation = field(default_factory=Fourier)

    @property
    def rate(self) -> float:
        """The base's learning rate."""
        return self.base.rate

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Levels of uniform alpha, then the base's parameters; see `Parameterisation`."""
        levels = [torch.zeros(1, side, side) for side in _level_sides(size)]
        levels[-1] += _INITIAL_ALPHA
        return [*levels, *self.base.initial_parameters(size, generator)]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 4 s s"]:
        """Pictures of `size` px, RGB and alpha; see `Parameterisation`."""
        levels = len(_level_sides(size))
        alpha = _sum_of_levels(parameters[:levels], size).sigmoid()
        return torch.cat([self.base.pictures(parameters[levels:], size), alpha], 1)
