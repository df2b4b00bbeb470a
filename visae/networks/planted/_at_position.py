"""Evidence for planted features at one position, in a single gather: maps would take a thousand small operations."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from visae.networks.planted._channels import CHANNEL_NAMES
from visae.networks.planted._detect import bilinear_cell
from visae.networks.planted._features import PlantedFeature, SamplePoint


class EvidenceAtPosition(nn.Module):
    """The evidence of `visae.networks.planted._detect`, from the patch of the channels' maps around one position.

    margin: number of values in the patch before the position, at least `sampling_radius`; there is one more after it.
    """

    corners: Tensor  # [4, p], flat indices into the patch of the four values around each point
    fractions: Tensor  # [2, p], how far down and right of the first corner each point is
    present: Tensor  # [f, n], indices of each feature's points
    absent: Tensor  # [a, n], the same for the features with points that must be absent
    with_absent: Tensor  # [a], which features these are

    def __init__(self, features: Sequence[PlantedFeature], margin: int):
        super().__init__()
        with_absent = [index for index, feature in enumerate(features) if feature.absent]
        groups = [feature.present for feature in features] + [features[index].absent for index in with_absent]
        points = [point for group in groups for point in group]
        cells = [bilinear_cell(point, margin) for point in points]
        channels = [CHANNEL_NAMES.index(point.channel) for point in points]
        side = 2 * margin + 2
        first = [(channel * side + top) * side + left for channel, (top, left, *_) in zip(channels, cells, strict=True)]
        indices = _point_indices(groups)
        tables = {
            "corners": torch.tensor([first]) + torch.tensor([[0], [1], [side], [side + 1]]),
            "fractions": torch.tensor([fractions for _, _, *fractions in cells]).T,
            "present": indices[: len(features)],
            "absent": indices[len(features) :],
            "with_absent": torch.tensor(with_absent, dtype=torch.int64),
        }
        for name, table in tables.items():
            # Not persistent: they are derived from the features, and must not enter the digest of the weights.
            self.register_buffer(name, table, persistent=False)

    def forward(self, patch: Float[Tensor, "b c s s"]) -> Float[Tensor, "b f 1 1"]:
        """Return the evidence for every feature, above 0 if the whole pattern is present."""
        near = _gather(patch.flatten(1), self.corners)
        down, right = self.fractions.to(patch)
        left_values, right_values = torch.lerp(near[:, :2], near[:, 2:], down).unbind(1)
        values = torch.lerp(left_values, right_values, right)
        least = _gather(F.pad(values, (0, 1), value=math.inf), self.present).amin(2)
        largest = _gather(F.pad(values, (0, 1), value=-math.inf), self.absent).amax(2)
        return least.index_add(1, self.with_absent, largest, alpha=-1)[:, :, None, None]


def _point_indices(groups: Sequence[Sequence[SamplePoint]]) -> Int64[Tensor, "g n"]:
    """Return the indices of each group's points, numbered across all groups; shorter groups are padded with the end."""
    sizes = [len(group) for group in groups]
    return pad_sequence(list(torch.split(torch.arange(sum(sizes)), sizes)), batch_first=True, padding_value=sum(sizes))


def _gather(values: Float[Tensor, "b v"], indices: Int64[Tensor, "g n"]) -> Float[Tensor, "b g n"]:
    return values.index_select(1, indices.flatten()).view(len(values), *indices.shape)
