"""What planted detectors read: the least of the values that must be there, less the largest of those that must not.

Only the values that decide have a gradient, which equal ones share. Autograd goes through each of the hundreds that
were read, with a map of zeros for every slice; here what decides is added in place to one gradient of all maps.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from visae.networks.planted._channels import GRID, NAMES
from visae.networks.planted._features import Feature, Place

STRIDE = 4  # px between positions
STEP = STRIDE // GRID  # values between positions


def reach(features: Sequence[Feature]) -> int:
    """How many values beyond a position its detectors read at most."""
    places = [place for feature in features for place in (*feature.present, *feature.absent)]
    return math.ceil(max(max(abs(place.x), abs(place.y)) for place in places) / GRID)


def evidence(
    around: Float[Tensor, "b c h w"], features: Sequence[Feature], margin: int, size: Sequence[int]
) -> Float[Tensor, "b f H W"]:
    """HeldOut for features at `size` positions, above 0 where the whole pattern is there.

    around:  the channels' maps with `margin` values before the first position, `reach` at least, and one more behind
             the last.
    """
    result: Tensor = _Evidence.apply(around, features, margin, size)
    return result


class _Evidence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, around: Tensor, features: Sequence[Feature], margin: int, size: Sequence[int]) -> Tensor:
        window = [channel.squeeze(1) for channel in torch.split(around, 1, 1)]
        ctx.decided, ctx.shape, ctx.margin = [], around.shape, margin

        def decide(index: int, places: Sequence[Place], choose: Callable[[Tensor, int], Tensor], sign: int) -> Tensor:
            read = torch.stack([_read(window, place, margin, size) for place in places])
            chosen = choose(read, 0)
            if ctx.needs_input_grad[0]:
                ctx.decided.append((index, places, read == chosen, sign))
            return chosen

        found = [decide(index, feature.present, torch.amin, 1) for index, feature in enumerate(features)]
        for index, feature in enumerate(features):
            if feature.absent:
                found[index] = found[index] - decide(index, feature.absent, torch.amax, -1)
        return torch.stack(found, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        result = gradient.new_zeros(ctx.shape)
        rows, columns = _used(gradient)
        read_there = result[:, :, STEP * rows.start :, STEP * columns.start :]
        for index, places, deciding, sign in ctx.decided:
            of_feature = gradient[:, index, rows, columns] * sign
            _give(read_there, of_feature, places, deciding[:, :, rows, columns], ctx.margin)
        return result, None, None, None


# Called hundreds of times a batch: without shapes, whose checks would make tests slow.
def _read(window: Sequence[Tensor], place: Place, margin: int, size: Sequence[int]) -> Tensor:
    """The channel's value at a place near every position, interpolated between the four around it."""
    top, left, down, right = corner(place, margin)
    values = window[NAMES.index(place.channel)]
    rows = [values[:, _every(top + i, size[0])] for i in (0, 1)]
    across = torch.lerp(rows[0], rows[1], down)
    columns = [across[:, :, _every(left + i, size[1])] for i in (0, 1)]
    return torch.lerp(columns[0], columns[1], right)


def _give(
    result: Tensor, gradient: Tensor, places: Sequence[Place], deciding: Bool[Tensor, "p b H W"], margin: int
) -> None:
    """Add the gradient to the four values around each place that decides; equal ones have equal shares of it."""
    shares = deciding * (gradient / deciding.sum(0))
    for place, share in zip(places, shares, strict=True):
        top, left, down, right = corner(place, margin)
        of_channel = result[:, NAMES.index(place.channel)]
        for i, high in enumerate((1 - down, down)):
            for j, wide in enumerate((1 - right, right)):
                near = of_channel[:, _every(top + i, share.shape[1]), _every(left + j, share.shape[2])]
                near.add_(share, alpha=high * wide)


def _used(gradient: Tensor) -> tuple[slice, slice]:
    """Rows and columns outside of which there is no gradient: most pictures are drawn for one position."""
    there = gradient.flatten(0, 1).any(0)
    return _span(there.any(1)), _span(there.any(0))


def _span(there: Bool[Tensor, " n"]) -> slice:
    places = there.nonzero().flatten().tolist() or [0]
    return slice(places[0], places[-1] + 1)


def corner(place: Place, margin: int) -> tuple[int, int, float, float]:
    """The value up and left of a place, and how far down and right of it the place is, 0..1."""
    x, y = place.x / GRID + margin, place.y / GRID + margin
    top, left = math.floor(y), math.floor(x)
    return top, left, y - top, x - left


def _every(first: int, count: int) -> slice:
    """As many values as there are positions, from one on."""
    return slice(first, first + STEP * (count - 1) + 1, STEP)
