"""What planted detectors read: the least of the values that must be there, less the largest of those that must not.

Only the value that decides has a gradient. Where one is wanted, that value is picked from the maps once it is known:
through all the hundreds that were read, a gradient took more than twice as long.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.zoo.channels import GRID, NAMES
from visae.zoo.detectors import Feature, Place


class Reading:
    """Evidence for features at every position, from the channels' maps with `margin` values around them.

    step: values of the maps from one position to the next.
    """

    def __init__(self, features: Sequence[Feature], margin: int, step: int):
        self.features, self.margin, self.step = features, margin, step
        self.surrounded = [index for index, feature in enumerate(features) if feature.absent]

    def evidence(self, around: Float[Tensor, "b c h w"], size: Sequence[int]) -> Float[Tensor, "b f H W"]:
        """Evidence [b, f, H, W] for `size` positions; above 0 where the whole pattern is there."""
        if around.requires_grad:
            return self._with_gradient(around, size)
        window = _channels(around)
        found = torch.stack([self._read(feature.present, window, size).amin(0) for feature in self.features], 1)
        for index in self.surrounded:
            found[:, index] -= self._read(self.features[index].absent, window, size).amax(0)
        return found

    def _with_gradient(self, around: Tensor, size: Sequence[int]) -> Tensor:
        surround = [self.features[index].absent for index in self.surrounded]
        with torch.no_grad():
            window = _channels(around)
            # Which of equal values comes first costs half as much again as the value alone.
            least = [self._read(feature.present, window, size).min(0).indices for feature in self.features]
            most = [self._read(places, window, size).max(0).indices for places in surround]
        present = self._picked(around, [feature.present for feature in self.features], least)
        if not surround:
            return present
        absent = self._picked(around, surround, most)
        return present.index_add(1, torch.tensor(self.surrounded, device=around.device), absent, alpha=-1)

    # Called hundreds of times a batch: without shapes, whose checks would make tests slow.
    def _read(self, places: Sequence[Place], window: list[Tensor], size: Sequence[int]) -> Tensor:
        return torch.stack([self._at(place, window, size) for place in places])

    def _at(self, place: Place, window: list[Tensor], size: Sequence[int]) -> Tensor:
        """The channel's value at a place near every position, interpolated between the four around it."""
        top, left, down, right = self._corner(place)
        values = window[NAMES.index(place.channel)]
        high, wide = (self.step * (side - 1) + 1 for side in size)
        rows = [values[:, top + i : top + i + high : self.step] for i in (0, 1)]
        across = torch.lerp(rows[0], rows[1], down)
        columns = [across[:, :, left + i : left + i + wide : self.step] for i in (0, 1)]
        return torch.lerp(columns[0], columns[1], right)

    def _picked(
        self, around: Tensor, places: Sequence[Sequence[Place]], which: Sequence[Int64[Tensor, "b H W"]]
    ) -> Tensor:
        """The values of `_at` for one of each feature's places, another at every position, with their gradient."""
        _, _, high, wide = around.shape
        chosen = torch.stack([self._table(of)[index.cpu()] for of, index in zip(places, which, strict=True)], 1)
        channel, top, left, down, right = chosen.to(around.device).unbind(-1)
        down_to = torch.arange(chosen.shape[2], device=around.device)[:, None] * self.step
        right_to = torch.arange(chosen.shape[3], device=around.device) * self.step
        first = ((channel * high + top + down_to) * wide + left + right_to).long()
        corners = torch.stack([first, first + 1, first + wide, first + wide + 1], 1)
        taps = around.flatten(1).gather(1, corners.flatten(1)).view(corners.shape)
        rows = torch.lerp(taps[:, 0::2], taps[:, 1::2], right[:, None].to(taps))
        return torch.lerp(rows[:, 0], rows[:, 1], down.to(taps))

    def _table(self, places: Sequence[Place]) -> Float[Tensor, "n 5"]:
        """Of each place its channel, corner and shares; in float64, in which whole numbers stay whole."""
        rows = [[NAMES.index(place.channel), *self._corner(place)] for place in places]
        return torch.tensor(rows, dtype=torch.float64)

    def _corner(self, place: Place) -> tuple[int, int, float, float]:
        """The value up and left of a place, and how far down and right of it the place is, 0..1."""
        x, y = place.x / GRID + self.margin, place.y / GRID + self.margin
        top, left = math.floor(y), math.floor(x)
        return top, left, y - top, x - left


def _channels(maps: Tensor) -> list[Tensor]:
    return [channel.squeeze(1) for channel in torch.split(maps, 1, 1)]


def strongest_of(
    detected: Float[Tensor, "b f H W"], rivals: Mapping[int, Int64[Tensor, " _"]]
) -> Float[Tensor, "b f H W"]:
    """For each feature the largest value among its rivals, 0 for one that has none; a gradient goes to that one."""
    if detected.requires_grad:
        return _strongest_with_gradient(detected, rivals)
    strongest = torch.zeros_like(detected)
    for index, others in rivals.items():
        strongest[:, index] = detected[:, others].amax(1)
    return strongest


def _strongest_with_gradient(detected: Tensor, rivals: Mapping[int, Tensor]) -> Tensor:
    with torch.no_grad():
        # The features first: along another axis the largest is found several times slower.
        by_feature = detected.transpose(0, 1).contiguous()
        which = torch.zeros_like(by_feature, dtype=torch.int64)
        some = torch.zeros(len(by_feature), 1, 1, dtype=torch.bool, device=detected.device)
        for index, others in rivals.items():
            of = others.to(detected.device)
            which[index], some[index] = of[by_feature[of].max(0).indices], True
    return detected.gather(1, which.transpose(0, 1)) * some
