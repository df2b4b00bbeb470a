"""One leaf of the dead-leaves model: a disc, an ellipse or a bar, with a soft rim, light and texture."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

Array = np.ndarray


@dataclass(frozen=True)
class Leaf:
    """Where a leaf lies and how it is lit. Pixel centres are whole numbers; angles are clockwise, y down."""

    is_bar: bool  # a rectangle; otherwise an ellipse
    x: float
    y: float
    along: float  # half extents, px
    across: float
    angle: float  # of the long axis, radians
    red: float  # colour, 0..1
    green: float
    blue: float
    light_x: float  # slopes of the light, brightness per px
    light_y: float
    noise: float  # strength of the smooth noise, 0 for none
    grating: float  # strength of the grating, 0 for none
    wave_x: float  # radians per px
    wave_y: float
    phase: float


def lay(canvas: Float32[Array, "3 s s"], leaf: Leaf, noise: Float32[Array, "s s"]) -> None:
    """Paint one leaf over what lies in the canvas, touching only the leaf's bounding box."""
    columns, rows = _bounds(leaf, canvas.shape[1])
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    x = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(leaf.x)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(leaf.y)
    brightness = (1 + leaf.light_x * x) + leaf.light_y * y
    if leaf.noise:
        brightness += leaf.noise * noise[rows, columns]
    if leaf.grating:
        brightness += leaf.grating * np.cos((leaf.wave_x * x + leaf.phase) + leaf.wave_y * y)
    cover = _cover(leaf, x, y)
    brightness *= cover
    patch = canvas[:, rows, columns]
    patch *= 1 - cover
    for channel, value in zip(patch, (leaf.red, leaf.green, leaf.blue), strict=True):
        channel += value * brightness


def _bounds(leaf: Leaf, size: int) -> tuple[slice, slice]:
    """The columns and rows of the canvas that the leaf can touch."""
    cos, sin = abs(math.cos(leaf.angle)), abs(math.sin(leaf.angle))
    sides = (leaf.along * cos, leaf.across * sin), (leaf.along * sin, leaf.across * cos)
    reach_x, reach_y = (sum(side) if leaf.is_bar else math.hypot(*side) for side in sides)
    return _span(leaf.x, reach_x, size), _span(leaf.y, reach_y, size)


def _span(centre: float, reach: float, size: int) -> slice:
    return slice(max(math.floor(centre - reach), 0), max(min(math.ceil(centre + reach) + 1, size), 0))


def _cover(leaf: Leaf, x: Float32[Array, " w"], y: Float32[Array, "h 1"]) -> Float32[Array, "h w"]:
    """How much of each pixel the leaf covers, 0..1, by the distance of the pixel's centre from the rim."""
    cos, sin = math.cos(leaf.angle), math.sin(leaf.angle)
    u, v = cos * x + sin * y, cos * y - sin * x
    inside = _inside_bar(leaf, u, v) if leaf.is_bar else _inside_ellipse(leaf, u, v)
    return np.clip(inside + np.float32(0.5), 0, 1)


def _inside_bar(leaf: Leaf, u: Float32[Array, "h w"], v: Float32[Array, "h w"]) -> Float32[Array, "h w"]:
    return np.asarray(np.minimum(leaf.along - np.abs(u, out=u), leaf.across - np.abs(v, out=v)))


def _inside_ellipse(leaf: Leaf, u: Float32[Array, "h w"], v: Float32[Array, "h w"]) -> Float32[Array, "h w"]:
    """Distance to the rim of f = u^2/a^2 + v^2/b^2 = 1, to first order: (1 - f) / |grad f|."""
    u *= 1 / leaf.along
    v *= 1 / leaf.across
    f = u * u + v * v
    u *= 2 / leaf.along
    v *= 2 / leaf.across
    slope = np.sqrt(u * u + v * v)
    slope += 1e-6
    return np.asarray((1 - f) / slope)
