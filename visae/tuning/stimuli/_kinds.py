"""Every kind of stimulus: what it is called, how it is drawn, and what its parameters are."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError, unknown
from visae.tuning.stimuli._canvas import Canvas
from visae.tuning.stimuli._curved import arc, circle, disc, double_curve
from visae.tuning.stimuli._straight import angle, colour_edge, edge, line
from visae.tuning.stimuli._waves import SHORTEST, frequency_boundary, gabor, grating


@dataclass(frozen=True)
class Range:
    """What a parameter may be: at least or above `low`, at most `high`, finite unless infinity is its default.

    period: degrees after which it comes round, for an angle on a circle.
    """

    default: float
    unit: str = "px"
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    period: float | None = None

    def check(self, name: str, values: Tensor) -> None:
        """Raise `VisaeError` for a value that it may not be."""
        too_low = values <= self.low if self.above else values < self.low
        endless = values.isinf() & (not math.isinf(self.default))
        wrong = values[too_low | (values > self.high) | values.isnan() | endless]
        if len(wrong):
            raise VisaeError(f"{name} is {wrong[0].item():g}; it must be {self.words}")

    @property
    def words(self) -> str:
        """What it must be."""
        unit = f" {self.unit}" if self.unit else ""
        least = "" if math.isinf(self.low) else f"{'above' if self.above else 'at least'} {self.low:g}{unit}"
        most = "" if math.isinf(self.high) else f"at most {self.high:g}{unit}"
        return " and ".join(filter(None, (least, most))) or "a finite number"


@dataclass(frozen=True)
class Stimulus:
    """A kind of synthetic image.

    draw:       from a canvas and parameters to a pattern in -1..1.
    parameters: what it takes; besides, all take `x` and `y`, px by which it is moved right and down, and `contrast`.
    contrast:   where none is given: 1 makes what is 1 in the pattern white and what is -1 black, -1 the reverse.
    """

    name: str
    draw: Callable[..., Tensor]
    parameters: Mapping[str, Range]
    contrast: float

    @property
    def period(self) -> float:
        """Degrees after which the orientation comes round."""
        return self.parameters["orientation"].period or 360.0

    @property
    def ranges(self) -> dict[str, Range]:
        """All that it takes, by name."""
        shared = {"x": Range(0.0), "y": Range(0.0), "contrast": Range(self.contrast, "", -1.0, 1.0)}
        return {**self.parameters, **shared}

    def check(self, parameters: Mapping[str, Tensor]) -> None:
        """Raise `VisaeError` for a parameter that it does not take, and for a value that it may not be."""
        for name, values in parameters.items():
            if name not in self.ranges:
                raise unknown(f"parameter of {self.name}", name, self.ranges)
            self.ranges[name].check(f"{self.name}: {name}", values)

    def images(
        self, parameters: Mapping[str, Float[Tensor, " n"]], size: int, centre: float
    ) -> Float[Tensor, "n 3 s s"]:
        """Images, RGB, 0..1, of `size` px, one for each value of the parameters; the others have their defaults.

        centre: px coordinate, in x and in y, of the point that the pattern belongs to; pixel centres are whole numbers.
        """
        self.check(parameters)
        like = next(iter(parameters.values())).float()
        given = {name: values.float()[:, None, None] for name, values in parameters.items()}
        defaults = {name: like.new_full((len(like), 1, 1), of.default) for name, of in self.ranges.items()}
        every = {**defaults, **given}
        canvas = Canvas(size, centre, every["x"], every["y"])
        pattern = self.draw(canvas, **{name: every[name] for name in self.parameters})
        coloured = pattern if pattern.ndim == 4 else pattern[:, None].expand(-1, 3, -1, -1)
        return coloured * (every["contrast"][:, None] / 2) + 0.5


_TURN = Range(0.0, "degrees", period=360.0)
_AXIS = Range(0.0, "degrees", period=180.0)
_RADIUS = Range(20.0, low=0.0, above=True)
_WIDTH = Range(2.0, low=0.0, above=True)
_FADE = Range(math.inf, low=0.0, above=True)
_WAVE = Range(8.0, low=SHORTEST)
_PHASE = Range(0.0, "degrees", period=360.0)

_KINDS = (
    Stimulus("circle", circle, {"orientation": _TURN, "radius": _RADIUS, "width": _WIDTH, "fade": _FADE}, -1.0),
    Stimulus("disc", disc, {"orientation": _TURN, "radius": _RADIUS, "fade": _FADE}, -1.0),
    Stimulus(
        "arc",
        arc,
        {"orientation": _TURN, "radius": _RADIUS, "width": _WIDTH, "span": Range(90.0, "degrees", 0.0, 360.0)},
        -1.0,
    ),
    Stimulus(
        "double_curve",
        double_curve,
        {"orientation": _AXIS, "radius": _RADIUS, "width": _WIDTH, "gap": Range(4.0, low=0.0)},
        -1.0,
    ),
    Stimulus("line", line, {"orientation": _AXIS, "width": _WIDTH, "length": Range(math.inf, low=0.0)}, -1.0),
    Stimulus("edge", edge, {"orientation": _TURN, "blur": Range(0.0, low=0.0)}, 1.0),
    Stimulus(
        "angle",
        angle,
        {"orientation": _TURN, "opening": Range(90.0, "degrees", 0.0, 180.0), "width": _WIDTH},
        -1.0,
    ),
    Stimulus("grating", grating, {"orientation": _AXIS, "wavelength": _WAVE, "phase": _PHASE}, 1.0),
    Stimulus(
        "gabor",
        gabor,
        {"orientation": _AXIS, "wavelength": _WAVE, "phase": _PHASE, "sigma": Range(8.0, low=0.0, above=True)},
        1.0,
    ),
    Stimulus("colour_edge", colour_edge, {"orientation": _TURN, "hue": Range(0.0, "degrees", period=360.0)}, 1.0),
    Stimulus(
        "frequency_boundary",
        frequency_boundary,
        {"orientation": _TURN, "wavelength": Range(12.0, low=SHORTEST), "ratio": Range(3.0, "", low=1.0)},
        1.0,
    ),
)
STIMULI: Mapping[str, Stimulus] = {kind.name: kind for kind in _KINDS}


def stimulus(name: str) -> Stimulus:
    """A kind of stimulus by name; raises `VisaeError` with the nearest names if there is none."""
    if name not in STIMULI:
        raise unknown("stimulus", name, STIMULI)
    return STIMULI[name]
