"""Evidence for planted features at all positions: the smallest required value minus the largest forbidden one.

Only the values that attain the minimum or maximum have a gradient, shared among ties. Autograd would propagate through
each of the hundreds of sampled values, with a map of zeros for every slice; this adds those few in place to one
gradient.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from visae.networks.planted._channels import CHANNEL_NAMES, CHANNEL_STRIDE
from visae.networks.planted._features import PlantedFeature, SamplePoint

STRIDE = 4  # px between positions
STEP = STRIDE // CHANNEL_STRIDE  # channel values between positions


def sampling_radius(features: Sequence[PlantedFeature]) -> int:
    """Return how many channel values away from a position its detectors sample, at most."""
    points = [point for feature in features for point in (*feature.present, *feature.absent)]
    return math.ceil(max(max(abs(point.x), abs(point.y)) for point in points) / CHANNEL_STRIDE)


def evidence(
    padded: Float[Tensor, "b c h w"], features: Sequence[PlantedFeature], margin: int, size: Sequence[int]
) -> Float[Tensor, "b f H W"]:
    """Return the evidence for features at `size` (rows, columns) positions, above 0 if the whole pattern is present.

    padded:  the channels' maps with `margin` values, at least `sampling_radius`, before the first position, and one
             more than that after the last.
    """
    result: Tensor = _Evidence.apply(padded, features, margin, size)
    return result


class _Evidence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, padded: Tensor, features: Sequence[PlantedFeature], margin: int, size: Sequence[int]
    ) -> Tensor:
        channels = [channel.squeeze(1) for channel in torch.split(padded, 1, 1)]
        ctx.decisions, ctx.shape, ctx.margin = [], padded.shape, margin

        def decide(
            index: int, points: Sequence[SamplePoint], choose: Callable[[Tensor, int], Tensor], sign: int
        ) -> Tensor:
            values = torch.stack([_sample(channels, point, margin, size) for point in points])
            chosen = choose(values, 0)
            if ctx.needs_input_grad[0]:
                ctx.decisions.append((index, points, values == chosen, sign))
            return chosen

        result = [decide(index, feature.present, torch.amin, 1) for index, feature in enumerate(features)]
        for index, feature in enumerate(features):
            if feature.absent:
                result[index] = result[index] - decide(index, feature.absent, torch.amax, -1)
        return torch.stack(result, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        result = gradient.new_zeros(ctx.shape)
        rows, columns = _nonzero_window(gradient)
        sampled = result[:, :, STEP * rows.start :, STEP * columns.start :]
        for index, points, deciding, sign in ctx.decisions:
            upstream = gradient[:, index, rows, columns] * sign
            _add_gradient(sampled, upstream, points, deciding[:, :, rows, columns], ctx.margin)
        return result, None, None, None


# Called hundreds of times per batch: annotated without shapes, whose checks would slow tests down.
def _sample(channels: Sequence[Tensor], point: SamplePoint, margin: int, size: Sequence[int]) -> Tensor:
    """Return a channel's values at a point relative to every position, by bilinear interpolation."""
    top, left, down, right = bilinear_cell(point, margin)
    values = channels[CHANNEL_NAMES.index(point.channel)]
    rows = [values[:, _per_position(top + i, size[0])] for i in (0, 1)]
    between_rows = torch.lerp(rows[0], rows[1], down)
    columns = [between_rows[:, :, _per_position(left + i, size[1])] for i in (0, 1)]
    return torch.lerp(columns[0], columns[1], right)


def _add_gradient(
    result: Tensor, gradient: Tensor, points: Sequence[SamplePoint], deciding: Bool[Tensor, "p b H W"], margin: int
) -> None:
    """Add the gradient, in place, to the four values around each deciding point; ties share it equally."""
    shares = deciding * (gradient / deciding.sum(0))
    for point, share in zip(points, shares, strict=True):
        top, left, down, right = bilinear_cell(point, margin)
        channel = result[:, CHANNEL_NAMES.index(point.channel)]
        for i, row_weight in enumerate((1 - down, down)):
            for j, column_weight in enumerate((1 - right, right)):
                near = channel[:, _per_position(top + i, share.shape[1]), _per_position(left + j, share.shape[2])]
                near.add_(share, alpha=row_weight * column_weight)


def _nonzero_window(gradient: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns that contain all of a gradient: most optimised images depend on one position."""
    nonzero = gradient.flatten(0, 1).any(0)
    return _span(nonzero.any(1)), _span(nonzero.any(0))


def _span(nonzero: Bool[Tensor, " n"]) -> slice:
    indices = nonzero.nonzero().flatten().tolist() or [0]
    return slice(indices[0], indices[-1] + 1)


def bilinear_cell(point: SamplePoint, margin: int) -> tuple[int, int, float, float]:
    """Return the row and column of the value above and left of a point, and how far below and right of it, 0..1."""
    x, y = point.x / CHANNEL_STRIDE + margin, point.y / CHANNEL_STRIDE + margin
    top, left = math.floor(y), math.floor(x)
    return top, left, y - top, x - left


def _per_position(first: int, count: int) -> slice:
    """Return the slice with one channel value for each of `count` positions, starting at `first`."""
    return slice(first, first + STEP * (count - 1) + 1, STEP)
