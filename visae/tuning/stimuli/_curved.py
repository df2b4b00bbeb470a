"""Circles, discs, arcs and double curves.

The curve of Cammarata et al. 2020 ("Curve Detectors", Distill) is a full circle whose rim passes through a point of the
image. Its orientation is the direction from the circle's centre to that point, clockwise from +x: it bulges that way.
"""

import torch

from visae.tuning.stimuli._canvas import Canvas, Parameter, Plane, inked, stroked


def circle(canvas: Canvas, orientation: Parameter, radius: Parameter, width: Parameter, fade: Parameter) -> Plane:
    """A stroke around a circle. radius: px, of the stroke's middle."""
    return _faded(canvas, stroked(_from_rim(canvas, orientation, radius), width), fade)


def disc(canvas: Canvas, orientation: Parameter, radius: Parameter, fade: Parameter) -> Plane:
    """A circle filled with ink."""
    return _faded(canvas, inked(-_from_rim(canvas, orientation, radius)), fade)


def arc(canvas: Canvas, orientation: Parameter, radius: Parameter, width: Parameter, span: Parameter) -> Plane:
    """The part of a circle that lies around the point, `span` degrees of it, with round ends."""
    along, across = canvas.turned(orientation)
    along = along + radius
    half = torch.deg2rad(span) / 2
    within = torch.atan2(across, along).abs() <= half
    to_end = torch.hypot(along - radius * torch.cos(half), across.abs() - radius * torch.sin(half))
    return stroked(torch.where(within, torch.hypot(along, across) - radius, to_end), width)


def double_curve(canvas: Canvas, orientation: Parameter, radius: Parameter, width: Parameter, gap: Parameter) -> Plane:
    """Two circles that bulge towards each other, with their rims `gap` px apart on either side of the point."""
    along, across = canvas.turned(orientation)
    # By symmetry, a point is nearer to the circle on its own side.
    from_rim = torch.hypot(along.abs() - radius - gap / 2, across) - radius
    return stroked(from_rim, width)


def _from_rim(canvas: Canvas, orientation: Parameter, radius: Parameter) -> Plane:
    """The distance in px from the rim, negative inside the circle."""
    along, across = canvas.turned(orientation)
    return torch.hypot(along + radius, across) - radius


def _faded(canvas: Canvas, pattern: Plane, fade: Parameter) -> Plane:
    """Ink that grows pale away from the point, as a Gaussian with a standard deviation of `fade` px."""
    if bool(fade.isinf().all()):
        return pattern
    x, y = canvas.plane()
    return (pattern + 1) * torch.exp(-(x.square() + y.square()) / (2 * fade.square())) - 1
