"""The registry of stimuli: what a kind of stimulus is, and how to add one.

A kind is registered once, with everything the package needs to know about it: its drawing function, its parameters with
their defaults, units and allowed ranges, the values that a sweep uses by default, and the values that the contact sheet
shows.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError, unknown
from visae.tuning.stimuli._drawing import PixelGrid

Draw = TypeVar("Draw", bound=Callable[..., Tensor])


@dataclass(frozen=True)
class LogSpaced:
    """Lengths that scale with the layer: log-spaced between two ends, in receptive fields."""

    low: float
    high: float

    def values(self, receptive_field: float, count: int) -> Float[Tensor, " v"]:
        """Return `count` lengths in px."""
        low, high = self.low * receptive_field, self.high * receptive_field
        return torch.logspace(0, 1, count, base=high / low, dtype=torch.float64).mul(low).float()


@dataclass(frozen=True)
class Parameter:
    """A parameter of a stimulus.

    low, high: smallest and largest value; with `above`, `low` itself is excluded. Values are finite, except that
               infinity is allowed if it is the default.
    period:    degrees after which an angle repeats.
    sweep:     values that a sweep uses by default; empty if it keeps the default. (Orientations are always swept,
               evenly over their period.)
    sheet:     values that the contact sheet shows besides the default.
    """

    default: float
    unit: str = "px"
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    period: float | None = None
    sweep: tuple[float, ...] | LogSpaced = ()
    sheet: tuple[float, ...] = ()

    def check(self, name: str, values: Tensor) -> None:
        """Raise `VisaeError` for a value outside the allowed range."""
        too_low = values <= self.low if self.above else values < self.low
        infinite = values.isinf() & (not math.isinf(self.default))
        wrong = values[too_low | (values > self.high) | values.isnan() | infinite]
        if len(wrong):
            raise VisaeError(f"{name} is {wrong[0].item():g}; it must be {self.allowed}")

    @property
    def allowed(self) -> str:
        """The allowed range in words."""
        unit = f" {self.unit}" if self.unit else ""
        least = "" if math.isinf(self.low) else f"{'above' if self.above else 'at least'} {self.low:g}{unit}"
        most = "" if math.isinf(self.high) else f"at most {self.high:g}{unit}"
        return " and ".join(filter(None, (least, most))) or "a finite number"

    def swept(self, receptive_field: float, count: int) -> Float[Tensor, " v"]:
        """Return the values that a sweep uses by default; `count` is the number of log-spaced ones."""
        if isinstance(self.sweep, LogSpaced):
            return self.sweep.values(receptive_field, count)
        return torch.tensor(self.sweep)


@dataclass(frozen=True)
class Stimulus:
    """A kind of synthetic image.

    draw:       draws a pattern in -1..1 on a `PixelGrid`, given the parameters by name, each [n, 1, 1].
    parameters: its own parameters. Every stimulus also has `x` and `y`, the shift right and down in px, and `contrast`.
    contrast:   default contrast: 1 makes 1 in the pattern white and -1 black, -1 the reverse.
    constraint: raises `VisaeError` for parameters that are allowed one by one but not together.
    """

    name: str
    draw: Callable[..., Tensor]
    parameters: Mapping[str, Parameter]
    contrast: float
    constraint: Callable[..., None] | None = field(default=None)

    @property
    def period(self) -> float:
        """Degrees after which the orientation repeats: 360, or 180."""
        return self.parameters["orientation"].period or 360.0

    @property
    def all_parameters(self) -> dict[str, Parameter]:
        """Its own parameters and those that every stimulus has."""
        shared = {"x": Parameter(0.0), "y": Parameter(0.0), "contrast": Parameter(self.contrast, "", -1.0, 1.0)}
        return {**self.parameters, **shared}

    def check(self, values: Mapping[str, Float[Tensor, " n"]]) -> None:
        """Raise `VisaeError` for an unknown parameter, and for values that the stimulus cannot draw."""
        parameters = self.all_parameters
        for name, given in values.items():
            if name not in parameters:
                raise unknown(f"parameter of {self.name}", name, parameters)
            parameters[name].check(f"{self.name}: {name}", given)
        if self.constraint:
            drawn = self._with_defaults(values)
            self.constraint(**{name: drawn[name] for name in self.parameters})

    def images(self, values: Mapping[str, Float[Tensor, " n"]], size: int, centre: float) -> Float[Tensor, "n 3 s s"]:
        """Draw one image of `size` px per value of the parameters: RGB, 0..1. Other parameters keep their defaults.

        centre: px coordinate, in x and in y, of the point that the pattern is centred on; pixel centres are whole
                numbers.
        Raises `VisaeError` as `check` does.
        """
        self.check(values)
        drawn = {name: given[:, None, None] for name, given in self._with_defaults(values).items()}
        grid = PixelGrid(size, centre, drawn["x"], drawn["y"])
        pattern = self.draw(grid, **{name: drawn[name] for name in self.parameters})
        coloured = pattern if pattern.ndim == 4 else pattern[:, None].expand(-1, 3, -1, -1)
        return coloured * (drawn["contrast"][:, None] / 2) + 0.5

    def _with_defaults(self, values: Mapping[str, Float[Tensor, " n"]]) -> dict[str, Float[Tensor, " n"]]:
        like = next(iter(values.values())).float()
        defaults = {name: torch.full_like(like, parameter.default) for name, parameter in self.all_parameters.items()}
        return {**defaults, **{name: given.float() for name, given in values.items()}}


STIMULI: dict[str, Stimulus] = {}


def stimulus(name: str) -> Stimulus:
    """Return a kind of stimulus by name; raises `VisaeError` with the nearest names if there is none."""
    if name not in STIMULI:
        raise unknown("stimulus", name, STIMULI)
    return STIMULI[name]


def register_stimulus(
    contrast: float, constraint: Callable[..., None] | None = None, **parameters: Parameter
) -> Callable[[Draw], Draw]:
    """Register the decorated drawing function as a kind of stimulus under its own name.

    contrast:   default contrast, -1..1: -1 draws ink dark on light.
    constraint: see `Stimulus`; called with all parameters by name, [n] each.
    parameters: the function's parameters by name, `orientation` among them.

    The function takes a `PixelGrid` and the parameters, [n, 1, 1] each, and returns a pattern in -1..1, [n, s, s] or
    [n, 3, s, s]. Raises `VisaeError` for a name that is taken, parameters that do not match the function's, and
    default, sweep or sheet values that the stimulus itself rejects.
    """

    def register(draw: Draw) -> Draw:
        kind = Stimulus(draw.__name__, draw, parameters, contrast, constraint)
        _check_name(kind)
        _check_signature(kind)
        _check_values(kind)
        STIMULI[kind.name] = kind
        return draw

    return register


def _check_name(kind: Stimulus) -> None:
    """A function may replace itself, as when a notebook cell is run again."""
    taken = STIMULI.get(kind.name)
    if taken and (taken.draw.__module__, taken.draw.__qualname__) != (kind.draw.__module__, kind.draw.__qualname__):
        raise VisaeError(f"there is a stimulus named {kind.name!r} in {taken.draw.__module__}; choose another name")


def _check_signature(kind: Stimulus) -> None:
    if "orientation" not in kind.parameters:
        raise VisaeError(f"stimulus {kind.name!r} has no parameter 'orientation'; every stimulus needs one")
    _, *expected = inspect.signature(kind.draw).parameters
    if set(expected) != set(kind.parameters):
        raise VisaeError(
            f"stimulus {kind.name!r} is registered with {', '.join(kind.parameters)}, but its function takes "
            f"{', '.join(expected)}; give both the same parameters"
        )


def _check_values(kind: Stimulus) -> None:
    for name, parameter in kind.all_parameters.items():
        swept = () if isinstance(parameter.sweep, LogSpaced) else parameter.sweep
        for value in (parameter.default, *swept, *parameter.sheet):
            kind.check({name: torch.tensor([value])})
