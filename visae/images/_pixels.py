"""Pixels as tensors: floats in 0..1, and crops rotated about a point."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional


def to_float(pixels: UInt8[Tensor, "*b c h w"], device: torch.device | str = "cpu") -> Float[Tensor, "*b c h w"]:
    """Convert 8-bit pixels to network input: float32 in 0..1, on `device`; batches are channels-last in memory."""
    moved = pixels.to(device, non_blocking=True)
    if moved.ndim == 4:
        # Rearranged while still 8-bit: a quarter of the bytes of floats.
        moved = moved.contiguous(memory_format=torch.channels_last)
    return moved.float() / 255


def rotated_crops(
    image: Float[Tensor, "3 s s"], x: float, y: float, degrees: Float[Tensor, " n"], size: int, centre: float
) -> Float[Tensor, "n 3 z z"]:
    """Crop `size` px squares from an image rotated about its point (x, y), which maps to (centre, centre).

    degrees: rotation of each crop, clockwise.

    Pixel centres are integers. Interpolation is bilinear; the image is reflected at its borders.
    """
    side = image.shape[-1]
    v, u = torch.meshgrid(*[torch.arange(size, dtype=torch.float64) - centre] * 2, indexing="ij")
    angle = torch.deg2rad(degrees.double())[:, None, None]
    cos, sin = torch.cos(angle), torch.sin(angle)
    # A point at offset s from the centre moves to R s, so the crop at offset d shows the image at R^T d.
    columns, rows = x + cos * u + sin * v, y - sin * u + cos * v
    grid = (torch.stack([columns, rows], -1) * (2 / (side - 1)) - 1).to(image)
    repeated = image[None].expand(len(degrees), -1, -1, -1)
    return functional.grid_sample(repeated, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
