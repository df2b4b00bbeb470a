"""Images of one centred pattern each: RGB `[1, 3, SIZE, SIZE]`, 0..1, antialiased."""

import math

import torch

from visae.tuning.stimuli import stimulus

SIZE, MIDDLE = 96, 48
POSITION = MIDDLE // 4  # in the planted network's maps
_AXIS = torch.arange(SIZE, dtype=torch.float64) - MIDDLE
Y, X = torch.meshgrid(_AXIS, _AXIS, indexing="ij")


def image(luminance):
    return luminance.float().clamp(0, 1).expand(1, 3, SIZE, SIZE)


def along(degrees, shift=0.0):
    """Distance from the middle, in px, along a direction in degrees clockwise from +x."""
    return X * math.cos(math.radians(degrees)) + Y * math.sin(math.radians(degrees)) - shift


def uniform(red, green, blue):
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE)


def gradient(degrees):
    return image(along(degrees) / (2 * SIZE) + 0.5)


def edge(degrees, shift=0.0, contrast=1.0):
    """A straight edge, light on the side to which `degrees` points."""
    return image(0.5 + contrast * ((along(degrees, shift) + 0.5).clamp(0, 1) - 0.5))


def line(degrees, width=3.0, shift=0.0, light=False):
    """A straight line whose normal points to `degrees`."""
    ink = (width / 2 + 0.5 - along(degrees, shift).abs()).clamp(0, 1)
    return image(ink if light else 1 - ink)


def draw(kind, **parameters):
    values = {name: torch.tensor([float(value)]) for name, value in parameters.items()}
    return stimulus(kind).images(values, SIZE, float(MIDDLE))


def ring(orientation, radius):
    """A dark circle whose rim passes through the middle."""
    return draw("circle", orientation=orientation, radius=radius)


def disc(orientation, radius):
    return draw("disc", orientation=orientation, radius=radius)


def spot(hue, radius=5.0):
    """A disc of a pure hue, degrees on the hue circle, on grey."""
    colour = torch.tensor([hue_channel(hue), hue_channel(hue - 120), hue_channel(hue - 240)]).view(3, 1, 1)
    ink = (radius + 0.5 - torch.hypot(X, Y)).clamp(0, 1)
    return (0.5 + ink * (colour - 0.5)).float()[None]


def hue_channel(degrees):
    """The red in a pure hue, by its angle from red on the hue circle."""
    return min(max(2 - abs((degrees + 180) % 360 - 180) / 60, 0.0), 1.0)
