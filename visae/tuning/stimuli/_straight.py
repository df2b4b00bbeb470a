"""Lines, edges, angles and edges of colour. The orientation of a line or an edge is the direction of its normal."""

import torch
from jaxtyping import Float
from torch import Tensor

from visae.tuning.stimuli._canvas import Canvas, Parameter, Plane, inked, stroked, tint


def line(canvas: Canvas, orientation: Parameter, width: Parameter, length: Parameter) -> Plane:
    """A stroke through the point, at right angles to its orientation; `length` px from end to end."""
    along, across = canvas.turned(orientation)
    beyond = (across.abs() - length / 2).clamp_min(0)
    return stroked(torch.hypot(along, beyond), width)


def edge(canvas: Canvas, orientation: Parameter, blur: Parameter) -> Plane:
    """A step from dark to light; its orientation points to the light. It rises over `blur` px, at least one."""
    along, _ = canvas.turned(orientation)
    return (2 * along / blur.clamp_min(1)).clamp(-1, 1)


def angle(canvas: Canvas, orientation: Parameter, opening: Parameter, width: Parameter) -> Plane:
    """Two half-lines that meet in the point, which is their tip; the orientation is where the tip points.

    opening: degrees between them; 180 makes a line of this orientation. It bulges as a curve of this orientation does.
    """
    along, across = canvas.turned(orientation)
    half = torch.deg2rad(opening) / 2
    # On one side of the axis: px along the half-line from the tip, and px beside it.
    forth = -along * torch.cos(half) + across.abs() * torch.sin(half)
    beside = along * torch.sin(half) + across.abs() * torch.cos(half)
    return stroked(torch.where(forth >= 0, beside, torch.hypot(along, across)), width)


def colour_edge(canvas: Canvas, orientation: Parameter, hue: Parameter) -> Float[Tensor, "n 3 s s"]:
    """A step between a hue, to which the orientation points, and its opposite, of equal mean of red, green and blue."""
    along, _ = canvas.turned(orientation)
    return inked(along)[:, None] * tint(hue)
