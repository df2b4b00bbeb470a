"""The features that write to a neuron, and what each of them is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics import Attribution, variance_explained
from visae.sae import SAE
from visae.tuning import Families

Batches = Callable[[], Iterable[Float[Tensor, "_ d"]]]
# Of a neuron's variance: below this a feature is no part of it worth a line.
LEAST = 0.01


@dataclass(frozen=True)
class Part:
    """A feature that writes to a neuron.

    share:       of the neuron's variance, see `Attribution`.  weight: what one unit of the feature adds to the neuron.
    together:    share of the variance that this and all larger parts explain.
    family:      curve, double_curve, angle, line, edge, or empty.  orientation: degrees, or None.
    """

    feature: int
    share: float
    weight: float
    together: float
    family: str
    orientation: float | None


def parts(
    sae: SAE, batches: Batches, found: Attribution, of: Families, neuron: int, least: float = LEAST
) -> list[Part]:
    """The features with at least a share `least` of a neuron's variance, the largest first.

    batches: calls forth the rows.  found: `attribution` over them.  of: the families of the SAE's features.

    Raises `VisaeError` for a neuron that does not exist.
    """
    count = found.share.shape[1]
    if not 0 <= neuron < count:
        raise VisaeError(f"there is no neuron {neuron}; the layer has {count}, from 0 to {count - 1}")
    units = found.largest(neuron, least)
    together = variance_explained(sae, batches(), neuron, units)
    names = of.names
    return [
        Part(
            unit,
            found.share[unit, neuron].item(),
            found.weight[unit, neuron].item(),
            sum_of,
            names[unit],
            orientation_of(of, names[unit], unit),
        )
        for unit, sum_of in zip(units, together, strict=True)
    ]


def named(family: str, orientation: float | None) -> str:
    """A family and an orientation in words."""
    if not family:
        return "other"
    # The nearest whole degree to one just below 360 is 0.
    return family.replace("_", " ") + ("" if orientation is None else f" {round(orientation) % 360}°")


def orientation_of(of: Families, family: str, unit: int) -> float | None:
    """The preferred orientation of a unit of a family, degrees; None without a family, or where it has none.

    A double curve is known by its tuning to circles: it may answer to no double curve that was shown.
    """
    orientation = of.orientation[family][unit].item() if family else float("nan")
    return None if orientation != orientation else orientation
