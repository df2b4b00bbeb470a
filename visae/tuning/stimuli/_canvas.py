"""The plane that patterns are drawn on, and how their borders are softened.

Parameters come as [n, 1, 1], one value an image. A pattern is [n, s, s] (or [n, 3, s, s], in colour) in -1..1: for ink,
1 is ink and -1 is paper; what they look like is a matter of contrast.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Parameter = Float[Tensor, "n 1 1"]
Plane = Float[Tensor, "n s s"]


@dataclass(frozen=True, eq=False)
class Canvas:
    """Squares of `size` px, seen from the point to which each pattern belongs.

    centre: its px coordinate, in x and in y; pixel centres are whole numbers.
    x, y:   by how many px each pattern is moved right and down of it.
    """

    size: int
    centre: float
    x: Parameter
    y: Parameter

    def plane(self) -> tuple[Plane, Plane]:
        """Px right and px down of the point, at every pixel."""
        axis = torch.arange(self.size, device=self.x.device, dtype=self.x.dtype) - self.centre
        x, y = axis[None, None, :] - self.x, axis[None, :, None] - self.y
        return x.expand(-1, self.size, -1), y.expand(-1, -1, self.size)

    def turned(self, degrees: Parameter) -> tuple[Plane, Plane]:
        """Px along a direction, clockwise from +x, and px along the one 90 degrees further."""
        x, y = self.plane()
        angle = torch.deg2rad(degrees)
        cos, sin = torch.cos(angle), torch.sin(angle)
        return x * cos + y * sin, y * cos - x * sin


def inked(depth: Plane) -> Plane:
    """Ink where a pixel's centre is at least half a pixel deep in it, paper where it is as far outside."""
    return (2 * depth).clamp(-1, 1)


def stroked(distance: Plane, width: Parameter) -> Plane:
    """A stroke, `width` px, along all points at distance zero; one thinner than a pixel is as dark as it is wide."""
    return 2 * (width / 2 + 0.5 - distance.abs()).clamp(0, 1).minimum(width) - 1


def tint(hue: Parameter) -> Float[Tensor, "n 3 1 1"]:
    """By how much a hue, in degrees, is red, green and blue, -1..1; the three sum to zero."""
    third = torch.tensor([0.0, 120.0, 240.0], device=hue.device, dtype=hue.dtype)[None, :, None, None]
    return torch.cos(torch.deg2rad(hue[:, None] - third))
