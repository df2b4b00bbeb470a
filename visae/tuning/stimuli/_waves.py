"""Gratings, Gabors, and boundaries between high and low frequency. Orientation is that of the wave's normal."""

import torch

from visae._support.errors import VisaeError
from visae.tuning.stimuli._canvas import Canvas, Parameter, Plane, inked

SHORTEST = 2.0  # px: shorter waves cannot be drawn


def grating(canvas: Canvas, orientation: Parameter, wavelength: Parameter, phase: Parameter) -> Plane:
    """A plane wave. phase: degrees; at 0 the point is in the middle of a light bar."""
    along, _ = canvas.turned(orientation)
    return torch.cos(2 * torch.pi * along / wavelength + torch.deg2rad(phase))


def gabor(canvas: Canvas, orientation: Parameter, wavelength: Parameter, phase: Parameter, sigma: Parameter) -> Plane:
    """A grating under a round Gaussian window with a standard deviation of `sigma` px."""
    x, y = canvas.plane()
    window = torch.exp(-(x.square() + y.square()) / (2 * sigma.square()))
    return window * grating(canvas, orientation, wavelength, phase)


def frequency_boundary(canvas: Canvas, orientation: Parameter, wavelength: Parameter, ratio: Parameter) -> Plane:
    """Two textures that meet in the point: `wavelength` px, and `ratio` times finer where the orientation points.

    Each is a product of two waves, along the boundary and across it: it prefers neither.
    """
    finest = (wavelength / ratio).min().item()
    if finest < SHORTEST:
        raise VisaeError(f"the finer wavelength is {finest:g} px; a wavelength must be at least {SHORTEST:g} px")
    along, across = canvas.turned(orientation)
    low, high = (
        torch.cos(2 * torch.pi * along / period) * torch.cos(2 * torch.pi * across / period)
        for period in (wavelength, wavelength / ratio)
    )
    fine = (inked(along) + 1) / 2
    return low + fine * (high - low)
