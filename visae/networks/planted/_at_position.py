"""What planted detectors read at one position alone: all in one gather, where maps take a thousand small steps."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from visae.networks.planted._channels import NAMES
from visae.networks.planted._detect import corner
from visae.networks.planted._features import Feature, Place


class AtPosition(nn.Module):
    """The evidence of `visae.networks.planted._detect`, from the square of the channels' maps that one position reads.

    margin: how many values the square has before the position, `reach` at least; it has one more behind it.
    """

    corners: Tensor
    shares: Tensor
    present: Tensor
    absent: Tensor
    surrounded: Tensor

    def __init__(self, features: Sequence[Feature], margin: int):
        super().__init__()
        surrounded = [index for index, feature in enumerate(features) if feature.absent]
        groups = [feature.present for feature in features] + [features[index].absent for index in surrounded]
        read = [corner(place, margin) for group in groups for place in group]
        channels = [NAMES.index(place.channel) for group in groups for place in group]
        side = 2 * margin + 2
        first = [(channel * side + top) * side + left for channel, (top, left, *_) in zip(channels, read, strict=True)]
        numbers = _numbered(groups)
        tables = {
            "corners": torch.tensor([first]) + torch.tensor([[0], [1], [side], [side + 1]]),
            "shares": torch.tensor([share for _, _, *share in read]).T,
            "present": numbers[: len(features)],
            "absent": numbers[len(features) :],
            "surrounded": torch.tensor(surrounded, dtype=torch.int64),
        }
        for name, table in tables.items():
            # They follow from the features, and are not of the weights, by whose digest a network is known.
            self.register_buffer(name, table, persistent=False)

    def forward(self, square: Float[Tensor, "b c s s"]) -> Float[Tensor, "b f 1 1"]:
        """HeldOut for every feature, above 0 where the whole pattern is there."""
        near = _taken(square.flatten(1), self.corners)
        down, right = self.shares.to(square)
        left_side, right_side = torch.lerp(near[:, :2], near[:, 2:], down).unbind(1)
        read = torch.lerp(left_side, right_side, right)
        least = _taken(F.pad(read, (0, 1), value=math.inf), self.present).amin(2)
        largest = _taken(F.pad(read, (0, 1), value=-math.inf), self.absent).amax(2)
        return least.index_add(1, self.surrounded, largest, alpha=-1)[:, :, None, None]


def _numbered(groups: Sequence[Sequence[Place]]) -> Int64[Tensor, "g n"]:
    """The number of each place of each group, counted through; the number after the last where a group has no more."""
    sizes = [len(group) for group in groups]
    return pad_sequence(list(torch.split(torch.arange(sum(sizes)), sizes)), batch_first=True, padding_value=sum(sizes))


def _taken(values: Float[Tensor, "b v"], which: Int64[Tensor, "g n"]) -> Float[Tensor, "b g n"]:
    return values.index_select(1, which.flatten()).view(len(values), *which.shape)
