"""The kinds of stimuli that come with visae.

Curves follow Cammarata et al. 2020 ("Curve Detectors", Distill): a full circle whose rim passes through a point of the
image. Their orientation is the direction from the circle's centre to that point, clockwise from +x, so a curve bulges
the way it is oriented. Straight stimuli are oriented along their normal.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.tuning.stimuli._drawing import PerImage, PixelGrid, Plane, fill, hue_to_rgb, stroke
from visae.tuning.stimuli._registry import STIMULI as STIMULI
from visae.tuning.stimuli._registry import LogSpaced, Parameter
from visae.tuning.stimuli._registry import register_stimulus as register_stimulus
from visae.tuning.stimuli._registry import stimulus as stimulus

# In receptive fields: the range of the published heat maps, a factor of 24.5.
RADII = LogSpaced(0.12, 2.94)
STROKE_WIDTHS = (1.0, 2.0, 4.0, 8.0)  # px
SHORTEST_WAVELENGTH = 2.0  # px: shorter waves cannot be drawn

_DARK_INK, _LIGHT_FIRST = -1.0, 1.0
_DIRECTION = Parameter(0.0, "degrees", period=360.0)
_AXIS = Parameter(0.0, "degrees", period=180.0)
_RADIUS = Parameter(20.0, low=0.0, above=True, sweep=RADII, sheet=(8.0, 40.0))
_CURVE_WIDTH = Parameter(2.0, low=0.0, above=True, sheet=(1.0, 6.0))
_STRAIGHT_WIDTH = Parameter(2.0, low=0.0, above=True, sweep=STROKE_WIDTHS, sheet=(1.0, 6.0))
_FADE = Parameter(math.inf, low=0.0, above=True, sheet=(12.0,))
_WAVELENGTH = Parameter(8.0, low=SHORTEST_WAVELENGTH, sweep=(4.0, 6.0, 9.0, 13.5), sheet=(16.0,))
_PHASE = Parameter(0.0, "degrees", period=360.0, sweep=(0.0, 90.0, 180.0, 270.0), sheet=(90.0,))


@register_stimulus(_DARK_INK, orientation=_DIRECTION, radius=_RADIUS, width=_CURVE_WIDTH, fade=_FADE)
def circle(grid: PixelGrid, orientation: PerImage, radius: PerImage, width: PerImage, fade: PerImage) -> Plane:
    """Draw a stroke around a circle. radius: px, to the middle of the stroke."""
    return _faded(grid, stroke(_from_rim(grid, orientation, radius), width), fade)


@register_stimulus(_DARK_INK, orientation=_DIRECTION, radius=_RADIUS, fade=_FADE)
def disc(grid: PixelGrid, orientation: PerImage, radius: PerImage, fade: PerImage) -> Plane:
    """Draw a filled circle."""
    return _faded(grid, fill(-_from_rim(grid, orientation, radius)), fade)


@register_stimulus(
    _DARK_INK,
    orientation=_DIRECTION,
    radius=_RADIUS,
    width=_CURVE_WIDTH,
    span=Parameter(90.0, "degrees", 0.0, 360.0, sheet=(45.0, 180.0)),
)
def arc(grid: PixelGrid, orientation: PerImage, radius: PerImage, width: PerImage, span: PerImage) -> Plane:
    """Draw `span` degrees of a circle, centred on the point, with round ends."""
    along, across = grid.rotated(orientation)
    along = along + radius
    half = torch.deg2rad(span) / 2
    within = torch.atan2(across, along).abs() <= half
    to_end = torch.hypot(along - radius * torch.cos(half), across.abs() - radius * torch.sin(half))
    return stroke(torch.where(within, torch.hypot(along, across) - radius, to_end), width)


@register_stimulus(
    _DARK_INK,
    orientation=_AXIS,
    radius=_RADIUS,
    width=_CURVE_WIDTH,
    gap=Parameter(4.0, low=0.0, sheet=(12.0,)),
)
def double_curve(grid: PixelGrid, orientation: PerImage, radius: PerImage, width: PerImage, gap: PerImage) -> Plane:
    """Draw two circles that bulge towards each other, with their rims `gap` px apart on either side of the point."""
    along, across = grid.rotated(orientation)
    # By symmetry, every pixel is nearer to the circle on its own side.
    from_rim = torch.hypot(along.abs() - radius - gap / 2, across) - radius
    return stroke(from_rim, width)


@register_stimulus(
    _DARK_INK,
    orientation=_AXIS,
    width=_STRAIGHT_WIDTH,
    length=Parameter(math.inf, low=0.0, sheet=(24.0,)),
)
def line(grid: PixelGrid, orientation: PerImage, width: PerImage, length: PerImage) -> Plane:
    """Draw a stroke through the point, at right angles to its orientation, `length` px from end to end."""
    along, across = grid.rotated(orientation)
    beyond = (across.abs() - length / 2).clamp_min(0)
    return stroke(torch.hypot(along, beyond), width)


@register_stimulus(_LIGHT_FIRST, orientation=_DIRECTION, blur=Parameter(0.0, low=0.0, sheet=(16.0,)))
def edge(grid: PixelGrid, orientation: PerImage, blur: PerImage) -> Plane:
    """Draw a step from dark to light, the side that the orientation points to. It rises over `blur` px, at least 1."""
    along, _ = grid.rotated(orientation)
    return (2 * along / blur.clamp_min(1)).clamp(-1, 1)


@register_stimulus(
    _DARK_INK,
    orientation=_DIRECTION,
    opening=Parameter(90.0, "degrees", 0.0, 180.0, sweep=(30.0, 60.0, 90.0, 120.0, 150.0, 180.0), sheet=(45.0, 135.0)),
    width=_STRAIGHT_WIDTH,
)
def angle(grid: PixelGrid, orientation: PerImage, opening: PerImage, width: PerImage) -> Plane:
    """Draw two half-lines that meet at the point; the orientation is the direction in which their tip points.

    opening: degrees between them; 180 makes a line of this orientation. A corner bulges like a curve of the same
    orientation.
    """
    along, across = grid.rotated(orientation)
    half = torch.deg2rad(opening) / 2
    # On one side of the axis: px along the half-line from the tip, and px beside it.
    forth = -along * torch.cos(half) + across.abs() * torch.sin(half)
    beside = along * torch.sin(half) + across.abs() * torch.cos(half)
    return stroke(torch.where(forth >= 0, beside, torch.hypot(along, across)), width)


@register_stimulus(_LIGHT_FIRST, orientation=_AXIS, wavelength=_WAVELENGTH, phase=_PHASE)
def grating(grid: PixelGrid, orientation: PerImage, wavelength: PerImage, phase: PerImage) -> Plane:
    """Draw a plane wave. phase: degrees; at 0 the point is in the middle of a light bar."""
    along, _ = grid.rotated(orientation)
    return torch.cos(2 * torch.pi * along / wavelength + torch.deg2rad(phase))


@register_stimulus(
    _LIGHT_FIRST,
    orientation=_AXIS,
    wavelength=_WAVELENGTH,
    phase=_PHASE,
    sigma=Parameter(8.0, low=0.0, above=True, sheet=(14.0,)),
)
def gabor(grid: PixelGrid, orientation: PerImage, wavelength: PerImage, phase: PerImage, sigma: PerImage) -> Plane:
    """Draw a grating under a round Gaussian window with a standard deviation of `sigma` px."""
    x, y = grid.offsets()
    window = torch.exp(-(x.square() + y.square()) / (2 * sigma.square()))
    return window * grating(grid, orientation, wavelength, phase)


@register_stimulus(
    _LIGHT_FIRST,
    orientation=_DIRECTION,
    hue=Parameter(0.0, "degrees", period=360.0, sweep=(0.0, 30.0, 60.0, 90.0, 120.0, 150.0), sheet=(60.0, 120.0)),
)
def colour_edge(grid: PixelGrid, orientation: PerImage, hue: PerImage) -> Float[Tensor, "n 3 s s"]:
    """Draw a step between a hue, on the side that the orientation points to, and the opposite hue.

    Both sides have the same mean of red, green and blue.
    """
    along, _ = grid.rotated(orientation)
    return fill(along)[:, None] * hue_to_rgb(hue)


def _finer_wave_can_be_drawn(wavelength: Tensor, ratio: Tensor, **_: Tensor) -> None:
    finest = (wavelength / ratio).min().item()
    if finest < SHORTEST_WAVELENGTH:
        raise VisaeError(
            f"frequency_boundary: the finer wavelength is {finest:g} px; wavelength / ratio must be at least "
            f"{SHORTEST_WAVELENGTH:g} px"
        )


@register_stimulus(
    _LIGHT_FIRST,
    _finer_wave_can_be_drawn,
    orientation=_DIRECTION,
    # A sweep's finer texture is a third of these, and its diagonals are finer still by the square root of 2.
    wavelength=Parameter(12.0, low=SHORTEST_WAVELENGTH, sweep=(9.0, 12.0, 18.0, 24.0), sheet=(16.0,)),
    ratio=Parameter(3.0, "", low=1.0, sheet=(2.0,)),
)
def frequency_boundary(grid: PixelGrid, orientation: PerImage, wavelength: PerImage, ratio: PerImage) -> Plane:
    """Draw two textures that meet at the point: `wavelength` px, and `ratio` times finer where the orientation points.

    Each is a product of two waves, along the boundary and across it, so that it favours neither direction.
    """
    along, across = grid.rotated(orientation)
    coarse, fine = (
        torch.cos(2 * torch.pi * along / period) * torch.cos(2 * torch.pi * across / period)
        for period in (wavelength, wavelength / ratio)
    )
    weight = (fill(along) + 1) / 2
    return coarse + weight * (fine - coarse)


def _from_rim(grid: PixelGrid, orientation: PerImage, radius: PerImage) -> Plane:
    """Return the distance in px from the rim, negative inside the circle."""
    along, across = grid.rotated(orientation)
    return torch.hypot(along + radius, across) - radius


def _faded(grid: PixelGrid, pattern: Plane, fade: PerImage) -> Plane:
    """Fade the ink with the distance from the point, as a Gaussian with a standard deviation of `fade` px."""
    if bool(fade.isinf().all()):
        return pattern
    x, y = grid.offsets()
    return (pattern + 1) * torch.exp(-(x.square() + y.square()) / (2 * fade.square())) - 1
