"""The pixel grid that stimuli are drawn on, and antialiased strokes, fills and hues.

A parameter is [n, 1, 1], one value per image. A pattern is [n, s, s], or [n, 3, s, s] in colour, with values in -1..1.
In line drawings 1 is ink and -1 is paper; contrast determines which is dark.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

PerImage = Float[Tensor, "n 1 1"]
Plane = Float[Tensor, "n s s"]


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """Pixel coordinates of square images, relative to the point that the pattern is centred on.

    size:   side of the images, px.
    centre: px coordinate of the point, in x and in y; pixel centres are whole numbers.
    x, y:   px by which each pattern is shifted right and down.
    """

    size: int
    centre: float
    x: PerImage
    y: PerImage

    def offsets(self) -> tuple[Plane, Plane]:
        """Return the offset of every pixel from the point, in px to the right and px down."""
        axis = torch.arange(self.size, device=self.x.device, dtype=self.x.dtype) - self.centre
        x, y = axis[None, None, :] - self.x, axis[None, :, None] - self.y
        return x.expand(-1, self.size, -1), y.expand(-1, -1, self.size)

    def rotated(self, degrees: PerImage) -> tuple[Plane, Plane]:
        """Return the offsets in px along a direction, clockwise from +x, and along the direction 90 degrees further."""
        x, y = self.offsets()
        angle = torch.deg2rad(degrees)
        cos, sin = torch.cos(angle), torch.sin(angle)
        return x * cos + y * sin, y * cos - x * sin


def fill(depth: Plane) -> Plane:
    """Fill a shape, given the depth of each pixel in it, px: ink from half a pixel inside, paper from half outside."""
    return (2 * depth).clamp(-1, 1)


def stroke(distance: Plane, width: PerImage) -> Plane:
    """Draw a stroke, `width` px, along the points at distance zero; below one pixel, ink fades with the width."""
    return 2 * (width / 2 + 0.5 - distance.abs()).clamp(0, 1).minimum(width) - 1


def hue_to_rgb(hue: PerImage) -> Float[Tensor, "n 3 1 1"]:
    """Return the red, green and blue of a hue in degrees, each -1..1; they sum to zero."""
    third = torch.tensor([0.0, 120.0, 240.0], device=hue.device, dtype=hue.dtype)[None, :, None, None]
    return torch.cos(torch.deg2rad(hue[:, None] - third))
