"""Responses to natural images: how much units vary, and their joint tuning to each other's dataset examples.

Joint tuning follows Cammarata et al. 2020 ("Curve Detectors", section "Joint tuning curves"): it tests on natural
images what a sweep of synthetic curves shows about a unit.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.examples import Examples
from visae.images import Images, rotated_crops, to_float
from visae.tuning._sweep import angles
from visae.tuning._tuning_statistics import angular_distance, preferred_orientation
from visae.tuning._views import viewing
from visae.units import Units, read_all

# A unit whose response to another unit's examples is below this fraction of its response to its own is not tuned to
# them.
_MIN_RESPONSE = 0.1
_MIN_PAIRS = 3


@torch.inference_mode()
def natural_deviation(
    populations: Sequence[Units], batches: Iterable[Float[Tensor, "_ 3 _ _"]]
) -> list[Float[Tensor, " u"]]:
    """Return the standard deviation of each unit over all positions of images, for each population of one network.

    Sums over batches in float64. Raises `VisaeError` without images.
    """
    sums = [torch.zeros(2, len(units), dtype=torch.float64) for units in populations]
    counts = [0] * len(populations)
    for images in batches:
        for index, values in enumerate(read_all(populations, images)):
            sums[index] += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))]).double().cpu()
            counts[index] += values[:, 0].numel()
    if not all(counts):
        raise VisaeError("no images to measure the units' deviations; give at least one")
    return [_deviation(sum_, count) for sum_, count in zip(sums, counts, strict=True)]


def _deviation(sums: Float[Tensor, "2 u"], count: int) -> Float[Tensor, " u"]:
    mean, square = sums / count
    variance: Tensor = (square - mean.square()).clamp_min(0)
    return variance.sqrt().float()


@dataclass(frozen=True, eq=False)
class JointTuning:
    """Mean responses of `n` units to each other's dataset examples, rotated clockwise in `o` steps.

    units:     the units' numbers.
    examples:  how many examples each had.
    degrees:   rotation of an example from where its own unit responds most; 0 .. 360.
    responses: [i, j, o], of unit j to the examples of unit i; negative responses count as 0.
    """

    units: tuple[int, ...]
    examples: tuple[int, ...]
    degrees: Float[Tensor, " o"]
    responses: Float[Tensor, "n n o"]

    @property
    def own(self) -> Float[Tensor, "n o"]:
        """Each unit's response to its own examples: its tuning curve in natural images, with the peak at 0."""
        return self.responses.diagonal(dim1=0, dim2=1).T

    def orientation_differences(self, period: float = 360.0) -> Float[Tensor, "n n"]:
        """Return unit j's preferred orientation minus unit i's, clockwise, in natural images; degrees, 0 .. period.

        nan where j's response to i's examples is below a tenth of its response to its own.
        """
        count = len(self.units)
        folded = _folded(self.responses, period).flatten(0, 1)
        peaks = self.responses.amax(2)
        weak = (peaks < _MIN_RESPONSE * peaks.diagonal()[None]) | (peaks == 0)
        return preferred_orientation(folded, period).reshape(count, count).masked_fill(weak, torch.nan)

    def disagreement(self, orientation: Float[Tensor, " n"], period: float = 360.0) -> float:
        """Return the median error of `orientation_differences` over pairs of units, in degrees.

        orientation: each unit's preferred orientation by another measure.
        nan if no unit responds to another's examples.
        """
        return _median(self._errors(orientation, period))

    def unit_disagreement(
        self, unit: int, anchors: Collection[int], orientation: Float[Tensor, " n"], period: float = 360.0
    ) -> float:
        """Return the same over pairs of one unit with the anchors, by number; nan for fewer than three pairs."""
        row, errors = self.units.index(unit), self._errors(orientation, period)
        columns = [index for index, number in enumerate(self.units) if number in anchors]
        pairs = torch.cat([errors[row, columns], errors[columns, row]])
        known = pairs[~pairs.isnan()]
        return _median(known) if len(known) >= _MIN_PAIRS else float("nan")

    def _errors(self, orientation: Float[Tensor, " n"], period: float) -> Float[Tensor, "n n"]:
        """Return the error of each pair; nan on the diagonal."""
        expected = orientation[None] - orientation[:, None]
        errors = angular_distance(self.orientation_differences(period), expected, period)
        return errors.masked_fill(torch.eye(len(self.units), dtype=torch.bool), torch.nan)


@torch.inference_mode()
def joint_tuning(
    units: Units,
    chosen: Sequence[int],
    examples: Examples,
    images: Images,
    orientations: int = 36,
    period: float = 360.0,
) -> JointTuning:
    """Rotate the dataset examples of the chosen units, and read the responses of all chosen units.

    examples: the units' examples, from `strongest` on the same images; all are used.
    period:   degrees after which the units' tuning repeats, 360 or 180.

    Each example is a crop of the position's receptive field. Its responses are rolled so that its own unit peaks at 0,
    to the nearest step, and averaged over the unit's examples. Raises `VisaeError` for no units, and for fewer than 8
    orientations.
    """
    if not chosen:
        raise VisaeError("joint tuning needs units; give at least one")
    degrees = angles(orientations)
    responses = torch.zeros(len(chosen), len(chosen), orientations)
    counts = tuple(len(examples.positions(unit)) for unit in chosen)
    with Progress("joint tuning", sum(counts), "examples") as progress:
        for index, unit in enumerate(chosen):
            for image, row, column in examples.positions(unit):
                rotated = _rotated_responses(units, images, image, row, column, degrees)[list(chosen)]
                responses[index] += _rolled(rotated, index, period)
                progress.update(1)
            responses[index] /= max(counts[index], 1)
    return JointTuning(tuple(chosen), counts, degrees, responses)


def _rotated_responses(
    units: Units, images: Images, image: int, row: int, column: int, degrees: Float[Tensor, " o"]
) -> Float[Tensor, "u o"]:
    """Return the responses of all units to one example at every rotation."""
    size, position, centre = viewing(units.layer)
    pixels = to_float(images.read(image)[0], units.network.device)
    crops = rotated_crops(pixels, units.layer.centre(column), units.layer.centre(row), degrees, size, centre)
    return units.at(crops, position, position).float().clamp_min(0).T.cpu()


def _rolled(responses: Float[Tensor, "n o"], own: int, period: float) -> Float[Tensor, "n o"]:
    """Roll responses so that those of row `own` peak at 0."""
    step = 360 / responses.shape[1]
    best = preferred_orientation(_folded(responses[own : own + 1], period), period)
    return responses if best.isnan().any() else responses.roll(-round(best.item() / step), 1)


def _folded(tuning: Float[Tensor, "... o"], period: float) -> Float[Tensor, "... q"]:
    """Average a tuning curve over 360 degrees over its periods."""
    times = round(360 / period)
    return tuning.reshape(*tuning.shape[:-1], times, -1).mean(-2)


def _median(values: Tensor) -> float:
    return torch.nanquantile(values, 0.5).item()
