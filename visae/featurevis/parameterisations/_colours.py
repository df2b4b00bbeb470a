"""Colour spaces of parameterisations: axes along which the colours of natural images are uncorrelated.

In RGB the three channels rise and fall together. A step against that costs the optimiser nothing and gives the garish
colours of naive renderings. Along the axes measured here (mostly grey, then blue against orange, then green against
magenta) a step of a given size is as likely as it is in photographs (Olah et al. 2017, "Feature Visualization").
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.images import Images, batches

_BATCH = 32  # images


@dataclass(frozen=True)
class ColourSpace:
    """Axes of colour: `mix[c][a]` is what a step along axis a adds to RGB channel c. The longest axis has length 1."""

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
        raise VisaeError(f"none of the {len(images)} images of {images.name} can be read; give images that can")
    mean = total / count
    values, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    axes = (vectors * values.clamp_min(0).sqrt()).flip(1)
    axes = axes * torch.where(axes[0] < 0, -1.0, 1.0) / axes.norm(dim=0).amax()
    return ColourSpace(tuple((row[0].item(), row[1].item(), row[2].item()) for row in axes))
