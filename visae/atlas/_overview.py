"""What the page knows of every unit from the beginning: a column for each figure, neurons first, then features."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.atlas._planted import planted_columns
from visae.atlas._site import rounded
from visae.atlas._statistics import Statistics
from visae.examples import DatasetExamples
from visae.tuning import Battery, Curves, families, tuning_summary
from visae.tuning._families import FAMILY_STIMULUS, selective, strong
from visae.tuning._statistics import apart
from visae.units import Units

DENSE = 0.1
FAMILIES = ("none", *FAMILY_STIMULUS, "colour")
_STRONG = 0.1  # of the strongest unit's answer to an edge of colour


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons or features, and all that was measured of them.

    colour:  largest answer to an edge of colour alone, [u].
    """

    units: Units
    found: DatasetExamples
    swept: Battery
    colour: Float[Tensor, " u"]
    statistics: Statistics

    @property
    def peak(self) -> Float[Tensor, " u"]:
        """The largest value in the images that were searched."""
        return self.found.top.value[:, 0]

    @cached_property
    def family(self) -> list[str]:
        """The family of each unit: of colour, if nothing dark on grey moves it as much as an edge of colour does."""
        of_grey = torch.stack([of.peak for of in self.swept.tuned.values()]).amax(0)
        strong = (self.colour > 0) & (self.colour >= _STRONG * self.colour.max())
        coloured: Bool[Tensor, " u"] = strong & (self.colour > of_grey)
        names = families(self.swept).names
        return ["colour" if by else name or "none" for by, name in zip(coloured.tolist(), names, strict=True)]

    @cached_property
    def tuned(self) -> Bool[Tensor, " u"]:
        """Which units have a preferred orientation: of those that answer to circles, the members of a family that has
        one, and those that are as selective as they.
        """
        circle = self.swept.tuned["circle"]
        member = torch.tensor([name in FAMILY_STIMULUS for name in self.family])
        return strong(circle) & (member | selective(circle))

    @property
    def by_circles(self) -> Curves:
        """The answers to circles alone, by which `visae curves` counts curve detectors."""
        of = self.swept.responses["circle"]
        return Curves(of.kind, of.network, of.layer, "stroke", of.axes["orientation"], of.axes["radius"], of.values)


def columns(
    populations: Sequence[Population], places: Float[np.ndarray, "m 2"], reached: Sequence[float | None]
) -> dict[str, Any]:
    """The figures of all units, by name; null where one is not defined.

    Of a unit that hardly answers to circles no figure of its tuning is, and of one that is not tuned no orientation.

    reached: the value of every unit under its picture; None where there is none.
    """
    found: dict[str, list[Any]] = {}
    for of in populations:
        for name, values in _figures(of).items():
            found.setdefault(name, []).extend(rounded(values))
    found |= planted_columns([of.units for of in populations])
    if any(value is not None for value in reached):
        found["drawn"] = rounded(_over_examples(populations, reached))
    found["family"] = [FAMILIES.index(name) for of in populations for name in of.family]
    neurons = len(found["family"]) - len(places)
    for axis, name in enumerate(("x", "y")):
        found[name] = [None] * neurons + rounded(places[:, axis])
    return found


def _figures(of: Population) -> Mapping[str, Tensor]:
    said, circle, line = tuning_summary(of.swept), of.swept.tuned["circle"], of.swept.tuned["line"]
    answers = strong(circle)
    return {
        "density": of.statistics.density,
        "peak": of.peak,
        "share": of.statistics.share,
        "norm": of.units.directions.norm(dim=1),
        # To what four digits tell, so that 359.99 is 0.
        "orientation": (circle.orientation.round(decimals=1) % 360).where(of.tuned, torch.nan),
        "selectivity": said.selectivity.round(decimals=6).where(answers, torch.nan),
        "echo": said.echo.where(answers, torch.nan),
        "width": said.width.where(of.tuned, torch.nan),
        "radius": said.radius.where(answers, torch.nan),
        "line_or_curve": said.line_or_curve.where(answers | strong(line), torch.nan),
    }


def _over_examples(populations: Sequence[Population], reached: Sequence[float | None]) -> Float[Tensor, " u"]:
    """The value of every unit under its picture, over its largest in the images; nan where it never fires."""
    peak = torch.cat([of.peak for of in populations])
    return torch.tensor([math.nan if value is None else value for value in reached]) / peak.where(peak > 0, torch.nan)


def circle(populations: Sequence[Population]) -> dict[str, Any]:
    """The curve detectors' numbers, how many features lie in the neurons' gaps, and what circles alone would say."""
    members, orientations = [], []
    for of in populations:
        units = torch.tensor([unit for unit, name in enumerate(of.family) if name == "curve"], dtype=torch.int64)
        members.append(units.tolist())
        orientations.append(of.swept.tuned["circle"].orientation[units])
    neurons, features = orientations
    far = apart(features[:, None], neurons[None]).amin(1) if len(neurons) and len(features) else torch.zeros(0)
    return {
        "members": members,
        "in_gaps": int((far >= 15).sum()),
        "by_circles": [[of.by_circles.count, rounded(of.by_circles.max_gap)] for of in populations],
    }
