"""The planted network: features that are built, not trained, mixed into fewer neurons than there are features.

Whatever claims to find a network's features can be scored here, because the truth is part of the network. It needs no
files and no training.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.networks._layers import Layer, refuse_outside
from visae.networks.planted._at_position import AtPosition
from visae.networks.planted._channels import GRID, REACH, Channels
from visae.networks.planted._detect import STEP, STRIDE, evidence, reach
from visae.networks.planted._features import Feature, are_rivals, planted_features

NEURONS = 48
NEURONS_A_FEATURE = 4
INHIBITION = 0.6
# Below this, a detector is silent; a straight contour, which comes near a part of every arc, stays below a curve's.
_THRESHOLD = {"curve": 0.15, "line": 0.2, "edge": 0.2, "spot": 0.1}


@dataclass(frozen=True)
class Truth:
    """What is planted: the features in order, and the direction of each in the neurons of `layer`, `[f, d]`."""

    layer: str
    features: tuple[Feature, ...]
    directions: Float[Tensor, "f d"]


class Planted(nn.Module):
    """Layer `truth` holds the planted features' maps, layer `mixed` the neurons: `mixed = directions.T @ truth`.

    inhibition: how strongly neighbouring orientations and scales compete, -1..1; below zero they excite each other. It
    decides what can be found: a dictionary rightly merges what always comes together.
    """

    thresholds: Tensor
    rivals: Tensor
    directions: Tensor
    inhibition: Tensor

    def __init__(self, inhibition: float = INHIBITION):
        super().__init__()
        if not -1 <= inhibition <= 1:
            raise VisaeError(f"the planted network's inhibition is {inhibition:g}; it must be between -1 and 1")
        # A buffer, so that the weights' digest tells one strength from another.
        self.register_buffer("inhibition", torch.tensor(float(inhibition)))
        self.features = planted_features()
        self.channels = Channels()
        thresholds = torch.tensor([_THRESHOLD[feature.kind] for feature in self.features])
        self.register_buffer("thresholds", thresholds[:, None, None])
        self.register_buffer("rivals", _rivals(self.features))
        self._rivals_of = [row.nonzero().flatten().tolist() for row in self.rivals]
        self.register_buffer("directions", mixing(len(self.features)))
        self.margin = reach(self.features)
        self.at_position = AtPosition(self.features, self.margin)
        self.eval()

    @property
    def truth(self) -> Truth:
        """The planted features and their directions."""
        return Truth("mixed", self.features, self.directions)

    @property
    def layers(self) -> dict[str, Layer]:
        """The two layers that can be read."""
        sees = 2 * (GRID * self.margin + REACH) + 1
        widths = {"truth": len(self.features), "mixed": NEURONS}
        return {name: Layer(name, width, STRIDE, sees, 0.0) for name, width in widths.items()}

    def read(self, images: Float[Tensor, "b 3 h w"], names: Iterable[str]) -> dict[str, Tensor]:
        """The named layers' maps."""
        maps = self._layers(evidence(self._around(images), self.features, self.margin, self._size(images)))
        return {name: maps[name] for name in names}

    def read_at(self, images: Float[Tensor, "b 3 h w"], positions: Mapping[str, tuple[int, int]]) -> dict[str, Tensor]:
        """The named layers at one position of each, row and column; raises `VisaeError` for one outside the maps."""
        size = self._size(images)
        for name, position in positions.items():
            refuse_outside(name, position, size)
        read = {at: self._layers(self.at_position(self._square(images, *at))) for at in {*positions.values()}}
        return {name: read[position][name] for name, position in positions.items()}

    def middle(self, images: Float[Tensor, "b 3 h w"]) -> tuple[int, int]:
        """The row and column at the middle of the maps, (h // 2, w // 2)."""
        rows, columns = self._size(images)
        return rows // 2, columns // 2

    def _size(self, images: Float[Tensor, "b 3 h w"]) -> tuple[int, int]:
        """Height and width of the maps."""
        return -(-images.shape[2] // STRIDE), -(-images.shape[3] // STRIDE)

    def _square(self, images: Float[Tensor, "b 3 h w"], row: int, column: int) -> Float[Tensor, "b c s s"]:
        """The part of `_around` that one position reads; nothing else is worked out."""
        (top, down, above, below), (left, right, before, behind) = (
            self._span(at, side) for at, side in zip((row, column), images.shape[2:], strict=True)
        )
        padded = F.pad(images, (REACH,) * 4, mode="replicate")
        maps = self.channels.inside(padded[:, :, GRID * top : _read_to(down), GRID * left : _read_to(right)])
        return F.pad(maps, (before, behind, above, below), mode="replicate")

    def _span(self, at: int, px: int) -> tuple[int, int, int, int]:
        """The first and the last value of an axis that a position reads, and how many it misses before and behind."""
        first, last = STEP * at - self.margin, STEP * at + self.margin + 1
        most = (px - 1) // GRID
        inside = max(first, 0), min(last, most)
        return *inside, inside[0] - first, last - inside[1]

    def _around(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c H W"]:
        """The channels' maps, with what the positions at the border read beyond them."""
        return F.pad(self.channels(images), (self.margin, self.margin + 1) * 2, mode="replicate")

    def _layers(self, evidence: Float[Tensor, "b f H W"]) -> dict[str, Tensor]:
        truth = self._compete(((evidence - self.thresholds) / (1 - self.thresholds)).relu())
        return {"truth": truth, "mixed": F.conv2d(truth, self.directions.T[:, :, None, None].contiguous())}

    def _compete(self, detected: Float[Tensor, "b f H W"]) -> Float[Tensor, "b f H W"]:
        """Each detector loses `inhibition` times its strongest rival."""
        each = detected.unbind(1)
        rivals = [[each[rival] for rival in of] for of in self._rivals_of]
        return torch.stack([self._inhibited(one, of) for one, of in zip(each, rivals, strict=True)], 1).relu()

    def _inhibited(self, one: Tensor, rivals: list[Tensor]) -> Tensor:
        return one - self.inhibition * torch.stack(rivals).amax(0) if rivals else one


def _read_to(value: int) -> int:
    """The px behind the last one that a channel's value reads, of an image with a border of `REACH` px."""
    return GRID * value + 2 * REACH + 1


def mixing(features: int) -> Float[Tensor, "f d"]:
    """Directions `[f, d]`: each feature writes into 4 of the 48 neurons, with weights in [0.5, 1) scaled to unit norm.

    Neurons are filled evenly, and of 64 draws for a feature the one that overlaps least with those before is kept.
    Computed in float64 and rounded once, so that they do not depend on the order of a machine's sums.
    """
    source = generator(0, "planted", "mixing")
    directions = torch.zeros(features, NEURONS, dtype=torch.float64)
    for index in range(features):
        load = (directions > 0).sum(0)
        draws = torch.stack([_draw(load, source) for _ in range(64)])
        overlap = (draws @ directions.T).amax(1)
        directions[index] = draws[overlap.argmin()]
    return directions.float()


def _draw(load: Tensor, source: torch.Generator) -> Float[Tensor, " d"]:
    order = (load + 2 * torch.rand(NEURONS, generator=source)).argsort(stable=True)[:NEURONS_A_FEATURE]
    direction = torch.zeros(NEURONS, dtype=torch.float64)
    direction[order] = 0.5 + torch.rand(NEURONS_A_FEATURE, generator=source).double() / 2
    return F.normalize(direction, dim=0)


def _rivals(features: tuple[Feature, ...]) -> Bool[Tensor, "f f"]:
    return torch.tensor([[are_rivals(one, other) for other in features] for one in features])
