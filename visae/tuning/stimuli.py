"""Synthetic stimuli, antialiased, with parameters in pixels and degrees.

The curve of Cammarata et al. 2020 ("Curve Detectors", Distill): a full circle whose rim passes through a point of the
image. Its orientation is the direction from the circle's centre to that point, clockwise from +x.
"""

import torch
from jaxtyping import Float
from torch import Tensor

STROKE = 2.0  # px


def stroke_circles(
    orientation: Float[Tensor, " n"], radius: Float[Tensor, " n"], size: int, through: float
) -> Float[Tensor, "n 3 s s"]:
    """Circles as a dark stroke, 2 px wide, on light.

    orientation: degrees.  radius: px, of the middle of the stroke.  size: px, side of the images.
    through:     px coordinate, in x and y, of the point that the rim passes through; pixel centres are whole numbers.
    """
    distance = _to_rim(orientation, radius, size, through).abs()
    return _dark_on_light(STROKE / 2 - distance)


def filled_circles(
    orientation: Float[Tensor, " n"], radius: Float[Tensor, " n"], size: int, through: float
) -> Float[Tensor, "n 3 s s"]:
    """Circles as dark discs on light; parameters as for `stroke_circles`."""
    return _dark_on_light(-_to_rim(orientation, radius, size, through))


def _to_rim(
    orientation: Float[Tensor, " n"], radius: Float[Tensor, " n"], size: int, through: float
) -> Float[Tensor, "n s s"]:
    """The distance in px of every pixel from the rim, negative inside the circle."""
    angle = torch.deg2rad(orientation.double())[:, None, None]
    r = radius.double()[:, None, None]
    axis = torch.arange(size, dtype=torch.float64, device=orientation.device) - through
    x = axis[None, None, :] + r * torch.cos(angle)
    y = axis[None, :, None] + r * torch.sin(angle)
    return torch.hypot(x, y) - r


def _dark_on_light(depth: Float[Tensor, "n s s"]) -> Float[Tensor, "n 3 s s"]:
    """Black where a pixel's centre is at least half a pixel deep in the ink, white where it is as far outside."""
    ink = (depth + 0.5).clamp(0, 1)
    return (1 - ink).float()[:, None].expand(-1, 3, -1, -1)
