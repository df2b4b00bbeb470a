"""Joint tuning: how units answer to each other's dataset examples, turned in steps.

Cammarata et al. 2020 ("Curve Detectors", section "Joint tuning curves"): what a sweep of synthetic curves says of a
unit is asked again of natural images.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.examples import Examples
from visae.images import Images, rotated_crops, to_float
from visae.tuning import _statistics as summary
from visae.tuning._axes import angles
from visae.tuning._views import viewing
from visae.units import Units

# A unit that answers to another's examples less than this, of its answer to its own, is not tuned to them.
_LEAST_ANSWER = 0.1
_FEWEST_PAIRS = 3


@dataclass(frozen=True, eq=False)
class Joint:
    """Mean responses of `n` units to each other's dataset examples, turned clockwise in `o` steps.

    units:      their numbers.  examples: how many each had.
    degrees:    how far an example is turned, from where its own unit answers to it most; 0 .. 360.
    responses:  [i, j, o], of unit j to the examples of unit i; responses below zero count as none.
    """

    units: tuple[int, ...]
    examples: tuple[int, ...]
    degrees: Float[Tensor, " o"]
    responses: Float[Tensor, "n n o"]

    @property
    def own(self) -> Float[Tensor, "n o"]:
        """Each unit's response to its own examples: its tuning curve in natural images, with the peak at 0."""
        return self.responses.diagonal(dim1=0, dim2=1).T

    def apart(self, period: float = 360.0) -> Float[Tensor, "n n"]:
        """How far unit j's preferred orientation is from unit i's, clockwise, in natural images; degrees, 0 .. period.

        nan where j answers to i's examples by less than a tenth of how it answers to its own.
        """
        count = len(self.units)
        folded = _folded(self.responses, period).flatten(0, 1)
        peaks = self.responses.amax(2)
        deaf = (peaks < _LEAST_ANSWER * peaks.diagonal()[None]) | (peaks == 0)
        return summary.preferred(folded, period).reshape(count, count).masked_fill(deaf, torch.nan)

    def disagreement(self, orientation: Float[Tensor, " n"], period: float = 360.0) -> float:
        """Median over pairs of units of how far `apart` is from the difference of two orientations, in degrees.

        orientation: of each unit, by another measure.  nan if no unit answers to another's examples.
        """
        return _median(self._differences(orientation, period))

    def disagreement_of(
        self, unit: int, among: Collection[int], orientation: Float[Tensor, " n"], period: float = 360.0
    ) -> float:
        """The same over the pairs of one unit with some others, by their numbers; nan for fewer than three pairs."""
        place, differences = self.units.index(unit), self._differences(orientation, period)
        others = [index for index, other in enumerate(self.units) if other in among]
        pairs = torch.cat([differences[place, others], differences[others, place]])
        known = pairs[~pairs.isnan()]
        return _median(known) if len(known) >= _FEWEST_PAIRS else float("nan")

    def _differences(self, orientation: Float[Tensor, " n"], period: float) -> Float[Tensor, "n n"]:
        """Of each pair; nan for a unit and itself."""
        found = summary.apart(self.apart(period), orientation[None] - orientation[:, None], period)
        return found.masked_fill(torch.eye(len(self.units), dtype=torch.bool), torch.nan)


def _median(values: Tensor) -> float:
    return torch.nanquantile(values, 0.5).item()


@torch.inference_mode()
def joint_tuning(
    units: Units,
    chosen: Sequence[int],
    examples: Examples,
    images: Images,
    orientations: int = 36,
    period: float = 360.0,
) -> Joint:
    """Turn the dataset examples of some units, and read all of these units' responses.

    examples: of these units, from `strongest` on the same images; all that there are, are used.
    period:   degrees after which the units' tuning comes round, 360 or 180.

    Each example is a crop that shows what the position sees. Its responses are rolled, so that the peak of its own
    unit's is at 0, to the nearest step, and averaged with those of the unit's other examples.
    Raises `VisaeError` for no units, and for fewer than 8 orientations.
    """
    if not chosen:
        raise VisaeError("joint tuning of no units; give at least one")
    degrees = angles(orientations)
    responses = torch.zeros(len(chosen), len(chosen), orientations)
    counts = tuple(len(examples.positions(unit)) for unit in chosen)
    with Progress("joint tuning", sum(counts), "examples") as progress:
        for place, unit in enumerate(chosen):
            for image, row, column in examples.positions(unit):
                answers = _turned(units, images, image, row, column, degrees)[list(chosen)]
                responses[place] += _rolled(answers, place, period)
                progress.update(1)
            responses[place] /= max(counts[place], 1)
    return Joint(tuple(chosen), counts, degrees, responses)


def _turned(
    units: Units, images: Images, image: int, row: int, column: int, degrees: Float[Tensor, " o"]
) -> Float[Tensor, "u o"]:
    """Responses of all units to one example, turned."""
    size, position, centre = viewing(units.layer)
    pixels = to_float(images.read(image)[0], units.network.device)
    crops = rotated_crops(pixels, units.layer.centre(column), units.layer.centre(row), degrees, size, centre)
    return units.at(crops, position, position).float().clamp_min(0).T.cpu()


def _rolled(answers: Float[Tensor, "n o"], place: int, period: float) -> Float[Tensor, "n o"]:
    step = 360 / answers.shape[1]
    best = summary.preferred(_folded(answers[place : place + 1], period), period)
    return answers if best.isnan().any() else answers.roll(-round(best.item() / step), 1)


def _folded(tuning: Float[Tensor, "... o"], period: float) -> Float[Tensor, "... q"]:
    """A tuning over 360 degrees as one over its period: the mean of what comes round."""
    times = round(360 / period)
    return tuning.reshape(*tuning.shape[:-1], times, -1).mean(-2)
