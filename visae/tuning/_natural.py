"""How units vary over natural images: the unit of measurement of their responses to stimuli."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.units import Units, read_all


@torch.inference_mode()
def natural_deviation(
    populations: Sequence[Units], batches: Iterable[Float[Tensor, "_ 3 _ _"]]
) -> list[Float[Tensor, " u"]]:
    """Standard deviation of each unit's response over all positions of images, for each population of one network.

    Sums over batches in float64. Raises `VisaeError` without images.
    """
    sums = [torch.zeros(2, len(units), dtype=torch.float64) for units in populations]
    counts = [0] * len(populations)
    for images in batches:
        for index, values in enumerate(read_all(populations, images)):
            sums[index] += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))]).double().cpu()
            counts[index] += values[:, 0].numel()
    if not all(counts):
        raise VisaeError("no images to measure how units vary; give at least one")
    return [_deviation(of, count) for of, count in zip(sums, counts, strict=True)]


def _deviation(sums: Float[Tensor, "2 u"], count: int) -> Float[Tensor, " u"]:
    mean, square = sums / count
    variance: Tensor = (square - mean.square()).clamp_min(0)
    return variance.sqrt().float()
