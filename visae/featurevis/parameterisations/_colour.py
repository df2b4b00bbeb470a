"""Colours as natural images have them: axes along which the colours of their pixels are uncorrelated.

In RGB the three channels rise and fall together, and a step against that, which costs the optimiser nothing, gives the
garish colours of naive renderings. On the axes measured here (mostly grey, then blue against orange, then green against
magenta) a step of one size is as likely as the colours of photographs make it (Olah et al. 2017, "Feature
Visualization").
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.images import Images, batches

_IMAGES_A_BATCH = 32


@dataclass(frozen=True)
class Colours:
    """The axes: `mix[c][a]` is how much of RGB channel c a step along axis a adds. The longest axis has length 1."""

    mix: tuple[tuple[float, float, float], ...]

    def to_rgb(self, axes: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Values along the axes to pixels, 0..1: sigmoid(mix @ values), grey for zero."""
        return torch.einsum("ca,bahw->bchw", torch.tensor(self.mix).to(axes), axes).sigmoid()

    def from_rgb(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The other way; what is nearly black or white is taken to be at 0.02 or 0.98, where its logit is finite."""
        backwards = torch.linalg.inv(torch.tensor(self.mix, dtype=torch.float64)).to(rgb)
        return torch.einsum("ac,bchw->bahw", backwards, rgb.clamp(0.02, 0.98).logit())


# Of the 4,141 photographs of `python benchmarks/colours.py`, which prints these lines and draws them.
MEASURED = Colours(((0.5697, 0.2373, 0.0623), (0.5833, -0.0061, -0.129), (0.579, -0.2273, 0.0686)))
# Every channel by itself.
RGB = Colours(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))


def measure_colours(images: Images) -> Colours:
    """The principal axes of the images' pixels: E sqrt(L), where their covariance in RGB is E L E^T; longest first.

    Each axis points to where the sum of its entries, or, if that is nothing, the red one is positive.
    """
    count, total, products = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    with Progress("colours", len(images), "images") as progress:
        for batch in batches(images, _IMAGES_A_BATCH):
            pixels = batch.pixels.double().div(255).permute(1, 0, 2, 3).flatten(1)
            count, total, products = count + pixels.shape[1], total + pixels.sum(1), products + pixels @ pixels.T
            progress.update(len(batch.indices) + len(batch.skipped))
    if not count:
        raise VisaeError(f"none of the {len(images)} images of {images.name} can be read; their colours are unknown")
    mean = total / count
    values, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    axes = (vectors * values.clamp_min(0).sqrt()).flip(1)
    axes = axes * torch.where(axes[0] < 0, -1.0, 1.0) / axes.norm(dim=0).amax()
    return Colours(tuple((row[0].item(), row[1].item(), row[2].item()) for row in axes))
