"""The planted network: constructed features, mixed into fewer neurons than there are features.

Because its ground truth is known, it can score any method that claims to find a network's features. It needs neither
files nor training.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.networks._layers import Layer, check_position
from visae.networks.planted._at_position import EvidenceAtPosition
from visae.networks.planted._channels import CHANNEL_STRIDE, FILTER_RADIUS, FilterBank
from visae.networks.planted._detect import STEP, STRIDE, evidence, sampling_radius
from visae.networks.planted._features import PlantedFeature, are_rivals, planted_features

NEURONS = 48
NEURONS_PER_FEATURE = 4
INHIBITION = 0.6
_DRAWS = 64
# Evidence below this is silent; a straight contour, which matches part of every arc, stays below a curve's threshold.
_THRESHOLD = {"curve": 0.15, "line": 0.2, "edge": 0.2, "spot": 0.1}


@dataclass(frozen=True)
class Truth:
    """Ground truth: the planted features, in order, and their directions in the neurons of `layer`, `[f, d]`."""

    layer: str
    features: tuple[PlantedFeature, ...]
    directions: Float[Tensor, "f d"]


class PlantedNetwork(nn.Module):
    """Layer `truth` has the planted features' maps, layer `mixed` the neurons: `mixed = directions.T @ truth`.

    inhibition: how strongly neighbouring orientations and scales compete, -1..1; below 0 they excite each other. It
    limits recovery: a dictionary rightly merges features that always fire together.

    Raises `VisaeError` for an inhibition outside -1..1.
    """

    thresholds: Tensor
    rivals: Tensor
    directions: Tensor
    inhibition: Tensor

    def __init__(self, inhibition: float = INHIBITION):
        super().__init__()
        if not -1 <= inhibition <= 1:
            raise VisaeError(f"the planted network's inhibition is {inhibition:g}; it must be between -1 and 1")
        # A buffer, so that the digest of the weights distinguishes strengths.
        self.register_buffer("inhibition", torch.tensor(float(inhibition)))
        self.features = planted_features()
        self.channels = FilterBank()
        thresholds = torch.tensor([_THRESHOLD[feature.kind] for feature in self.features])
        self.register_buffer("thresholds", thresholds[:, None, None])
        self.register_buffer("rivals", _rivals(self.features))
        self._rival_indices = [row.nonzero().flatten().tolist() for row in self.rivals]
        # A copy, because networks share the cached directions.
        self.register_buffer("directions", mixing_directions(len(self.features)).clone())
        self.margin = sampling_radius(self.features)
        self.at_position = EvidenceAtPosition(self.features, self.margin)
        self.eval()

    @property
    def truth(self) -> Truth:
        """The planted features and their directions."""
        return Truth("mixed", self.features, self.directions)

    @property
    def layers(self) -> dict[str, Layer]:
        """The two layers that can be read."""
        receptive_field = 2 * (CHANNEL_STRIDE * self.margin + FILTER_RADIUS) + 1
        widths = {"truth": len(self.features), "mixed": NEURONS}
        return {name: Layer(name, width, STRIDE, receptive_field, 0.0) for name, width in widths.items()}

    def read(self, images: Float[Tensor, "b 3 h w"], names: Iterable[str]) -> dict[str, Tensor]:
        """Return the named layers' maps."""
        padded = F.pad(self.channels(images), (self.margin, self.margin + 1) * 2, mode="replicate")
        maps = self._layers(evidence(padded, self.features, self.margin, self._map_size(images)))
        return {name: maps[name] for name in names}

    def read_at(self, images: Float[Tensor, "b 3 h w"], positions: Mapping[str, tuple[int, int]]) -> dict[str, Tensor]:
        """Return each named layer at one position (row, column); raises `VisaeError` for one outside the maps."""
        size = self._map_size(images)
        for name, position in positions.items():
            check_position(name, position, size)
        values = {
            position: self._layers(self.at_position(self._patch(images, *position)))
            for position in {*positions.values()}
        }
        return {name: values[position][name] for name, position in positions.items()}

    def middle(self, images: Float[Tensor, "b 3 h w"]) -> tuple[int, int]:
        """Return the row and column at the middle of the maps, (h // 2, w // 2)."""
        rows, columns = self._map_size(images)
        return rows // 2, columns // 2

    def _map_size(self, images: Float[Tensor, "b 3 h w"]) -> tuple[int, int]:
        return -(-images.shape[2] // STRIDE), -(-images.shape[3] // STRIDE)

    def _patch(self, images: Float[Tensor, "b 3 h w"], row: int, column: int) -> Float[Tensor, "b c s s"]:
        """Return the part of the padded channels that one position samples, computing nothing else."""
        (top, bottom, above, below), (left, right, before, after) = (
            self._sampled_range(index, side) for index, side in zip((row, column), images.shape[2:], strict=True)
        )
        padded = F.pad(images, (FILTER_RADIUS,) * 4, mode="replicate")
        window = padded[:, :, CHANNEL_STRIDE * top : _pixel_end(bottom), CHANNEL_STRIDE * left : _pixel_end(right)]
        return F.pad(self.channels.valid(window), (before, after, above, below), mode="replicate")

    def _sampled_range(self, position: int, px: int) -> tuple[int, int, int, int]:
        """Return the first and last channel value that a position samples on an axis, and how many the ends cut off."""
        first, last = STEP * position - self.margin, STEP * position + self.margin + 1
        inside = max(first, 0), min(last, (px - 1) // CHANNEL_STRIDE)
        return *inside, inside[0] - first, last - inside[1]

    def _layers(self, evidence: Float[Tensor, "b f H W"]) -> dict[str, Tensor]:
        truth = self._inhibit(((evidence - self.thresholds) / (1 - self.thresholds)).relu())
        return {"truth": truth, "mixed": F.conv2d(truth, self.directions.T[:, :, None, None].contiguous())}

    def _inhibit(self, detected: Float[Tensor, "b f H W"]) -> Float[Tensor, "b f H W"]:
        """Subtract, from each detector, `inhibition` times its strongest rival."""
        detectors = detected.unbind(1)
        inhibited = []
        for detector, rivals in zip(detectors, self._rival_indices, strict=True):
            strongest = torch.stack([detectors[rival] for rival in rivals]).amax(0) if rivals else None
            inhibited.append(detector if strongest is None else detector - self.inhibition * strongest)
        return torch.stack(inhibited, 1).relu()


def _pixel_end(value: int) -> int:
    """Return the end of the px range that a channel value depends on, in an image padded by `FILTER_RADIUS` px."""
    return CHANNEL_STRIDE * value + 2 * FILTER_RADIUS + 1


@cache
def mixing_directions(count: int) -> Float[Tensor, "f d"]:
    """Return directions `[f, d]`: each feature writes to 4 of the 48 neurons.

    Weights are drawn from [0.5, 1), then scaled to unit norm. Neurons are used evenly; of 64 draws for a feature, the
    one that overlaps least with the directions so far is kept. Computed in float64 and rounded once, so that they do
    not depend on the machine's summation order.
    """
    source = generator(0, "planted", "mixing")
    directions = torch.zeros(count, NEURONS, dtype=torch.float64)
    for index in range(count):
        load = (directions > 0).sum(0)
        draws = torch.stack([_draw_direction(load, source) for _ in range(_DRAWS)])
        overlap = (draws @ directions.T).amax(1)
        directions[index] = draws[overlap.argmin()]
    return directions.float()


# Called thousands of times: annotated without shapes, whose checks would slow tests down.
def _draw_direction(load: Tensor, source: torch.Generator) -> Tensor:
    """Draw a random direction over the neurons to which the fewest features write so far (`load`), up to chance."""
    order = (load + 2 * torch.rand(NEURONS, generator=source)).argsort(stable=True)[:NEURONS_PER_FEATURE]
    direction = torch.zeros(NEURONS, dtype=torch.float64)
    direction[order] = 0.5 + torch.rand(NEURONS_PER_FEATURE, generator=source).double() / 2
    return F.normalize(direction, dim=0)


def _rivals(features: tuple[PlantedFeature, ...]) -> Bool[Tensor, "f f"]:
    return torch.tensor([[are_rivals(a, b) for b in features] for a in features])
