"""Every summary of every unit of a population, in one table."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from visae.tuning import _statistics as summary
from visae.tuning._battery import Battery


@dataclass(frozen=True, eq=False)
class TuningSummary:
    """What the sweeps say of each of `u` units; definitions with their formulas stand in `visae.tuning._statistics`.

    Of circles: mean_orientation (circular mean) and orientation (the peak), degrees; selectivity and
    circular_variance, 0..1; width, full at half maximum, degrees; echo; radius, px; harmonics, the shares of 1 to 6.
    line_or_curve:  1 for a unit that answers to lines only, -1 to circles only.
    polarity:       of edges: 1 for one way round only, 0 for both alike.
    """

    mean_orientation: Float[Tensor, " u"]
    orientation: Float[Tensor, " u"]
    selectivity: Float[Tensor, " u"]
    circular_variance: Float[Tensor, " u"]
    width: Float[Tensor, " u"]
    echo: Float[Tensor, " u"]
    radius: Float[Tensor, " u"]
    harmonics: Float[Tensor, "u 6"]
    line_or_curve: Float[Tensor, " u"]
    polarity: Float[Tensor, " u"]

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def tuning_summary(found: Battery) -> TuningSummary:
    """Of the units of a battery."""
    circle, line, edge = (found.responses[name] for name in ("circle", "line", "edge"))
    tuning = circle.tuning()
    mean, selectivity = summary.resultant(tuning)
    return TuningSummary(
        mean_orientation=mean,
        orientation=summary.peak(tuning),
        selectivity=selectivity,
        circular_variance=1 - selectivity,
        width=summary.width(tuning),
        echo=summary.echo(tuning),
        radius=summary.preferred_radius(circle.tuning("radius"), circle.axes["radius"]),
        harmonics=summary.fourier_shares(tuning),
        line_or_curve=summary.contrast(line.peak(), circle.peak()),
        polarity=summary.polarity(edge.tuning()),
    )


def medians(of: TuningSummary, units: list[int]) -> dict[str, float | list[float]]:
    """The median of each summary over some units, where it is defined, nan if it is for none; empty without units.

    Orientations are left out: a median says nothing of a circle.
    """
    tensors = {name: values for name, values in of.tensors().items() if not name.endswith("orientation")}
    return {name: _median(values[units]) for name, values in tensors.items()} if units else {}


def _median(values: Tensor) -> float | list[float]:
    # Of an even number the mean of the two in the middle, which torch.nanmedian does not take.
    middle: float | list[float] = torch.nanquantile(values, 0.5, dim=0).tolist()
    return middle
