"""One table with every tuning statistic of every unit of a population."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from visae.tuning._battery import Battery
from visae.tuning._tuning_statistics import (
    echo,
    edge_polarity,
    harmonic_fractions,
    michelson_contrast,
    peak_orientation,
    preferred_radius,
    resultant,
    tuning_width,
)


@dataclass(frozen=True, eq=False)
class TuningSummary:
    """Tuning statistics of `u` units; `visae.tuning._tuning_statistics` has the formulas.

    To circles:    mean_orientation (circular mean) and orientation (peak), degrees; selectivity and circular_variance,
                   0..1; width at half maximum, degrees; echo; radius, px; harmonics, fractions of variance in 1 to 6.
    line_or_curve: 1 for a unit that responds to lines only, -1 to circles only.
    polarity:      to edges: 1 for a unit that responds to one polarity only, 0 to both alike.
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
        """Return all statistics by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def medians(self, units: list[int]) -> dict[str, float | list[float]]:
        """Return each statistic's median over units where it is defined; nan if for none, empty without units.

        Orientations are left out: angles have no median.
        """
        tensors = {name: values for name, values in self.tensors().items() if not name.endswith("orientation")}
        return {name: _median(values[units]) for name, values in tensors.items()} if units else {}


def tuning_summary(battery: Battery) -> TuningSummary:
    """Compute the tuning statistics of every unit of a battery."""
    circle, line, edge = (battery.responses[name] for name in ("circle", "line", "edge"))
    tuning = circle.tuning()
    mean, selectivity = resultant(tuning)
    return TuningSummary(
        mean_orientation=mean,
        orientation=peak_orientation(tuning),
        selectivity=selectivity,
        circular_variance=1 - selectivity,
        width=tuning_width(tuning),
        echo=echo(tuning),
        radius=preferred_radius(circle.tuning("radius"), circle.axes["radius"]),
        harmonics=harmonic_fractions(tuning),
        line_or_curve=michelson_contrast(line.peak(), circle.peak()),
        polarity=edge_polarity(edge.tuning()),
    )


def _median(values: Tensor) -> float | list[float]:
    # For an even count, the mean of the middle two, unlike torch.nanmedian.
    middle: float | list[float] = torch.nanquantile(values, 0.5, dim=0).tolist()
    return middle
