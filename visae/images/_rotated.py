"""Turning an image about one of its points."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def turned(
    image: Float[Tensor, "3 s s"], x: float, y: float, degrees: Float[Tensor, " n"], size: int, centre: float
) -> Float[Tensor, "n 3 z z"]:
    """Crops of `size` px in which the image's point (x, y) is at (centre, centre) and all around it is turned.

    degrees: clockwise. Pixel centres are whole numbers. Interpolation is bilinear; beyond its border the image goes on
    as its mirror image.
    """
    side = image.shape[-1]
    v, u = torch.meshgrid(*[torch.arange(size, dtype=torch.float64) - centre] * 2, indexing="ij")
    angle = torch.deg2rad(degrees.double())[:, None, None]
    cos, sin = torch.cos(angle), torch.sin(angle)
    # A point at s from the centre comes to R s; what is seen at d was at R^T d.
    columns, rows = x + cos * u + sin * v, y - sin * u + cos * v
    grid = (torch.stack([columns, rows], -1) * (2 / (side - 1)) - 1).to(image)
    several = image[None].expand(len(degrees), -1, -1, -1)
    return functional.grid_sample(several, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
