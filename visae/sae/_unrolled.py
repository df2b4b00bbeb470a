"""An unrolled encoder: a fixed number of learned steps of pursuit, each of which chooses several features at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import GramSAE, Losses, UnitDecoderSAE
from visae.sae._config import LineStyle, TrainedConfig, most_that_fire
from visae.sae._pursuit import Pursuit, along_support, gain_threshold, pursue
from visae.sae._registry import register_kind
from visae.sae._shortlist import pursue_among
from visae.sae._sparse_coding import row_directions

# How fast `min_gain` follows while the directions change: by this power of the relative excess of features, at most by
# a factor of 2.
_FOLLOW = 0.1
# Rows encoded at once during calibration.
_PIECE = 4096


class Member(NamedTuple):
    """What encodes a row: the tensors of one member of a stack (see `UnrolledSAE`)."""

    decoder: Float[Tensor, "m d"]
    bias: Float[Tensor, " d"]
    encoder: Float[Tensor, "t m d"]
    encoder_bias: Float[Tensor, "t m"]
    min_gain: Float[Tensor, ""]
    threshold: Float[Tensor, ""]
    gram: Float[Tensor, "m m"]


class Step(NamedTuple):
    """What a step comes to.

    scores:      [n, m], with the gradient of the encoder; the lowest number for earlier candidates.
    candidates:  [n, c], all so far.
    code:        what the pursuit among them selects.
    """

    scores: Float[Tensor, "n m"]
    candidates: Int64[Tensor, "n c"]
    code: Pursuit


class UnrolledSAE(UnitDecoderSAE, GramSAE):
    """f = the values of a pursuit among candidates, which a few learned steps choose.

    With r_0 = x = z - bias, step t scores features by encoder_t r_(t-1) + encoder_bias_t. Those with the highest scores
    join the candidates, among which a pursuit codes the row (see `pursue_among`), and r_t is what that code leaves. The
    pursuit ends where a feature would gain less than `min_gain`; after the last step, less than `threshold`, which is
    calibrated so that k features fire on average. Untrained, the scores are the matches of a pursuit: learning to look
    ahead is what lets a step choose several features (learned ISTA: Gregor & LeCun 2010; here with hard selection).

    loss = error + choice: |z - f decoder - bias|^2, whose gradient reaches decoder and bias; and the cross-entropy of
    the softmax of each step's scores with the features that a full pursuit over the decoder has and the candidates
    lack, weighted by their values.

    decoder: [m, d], unit rows;  encoder: [t, m, d];  encoder_bias: [t, m];  min_gain, threshold: scalars.
    """

    encoder: Tensor
    encoder_bias: Tensor
    min_gain: Tensor
    threshold: Tensor
    seed: int

    def __init__(self, config: Any, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__(config, dim, **parameters)
        self.register_buffer("min_gain", torch.zeros(()))
        self.register_buffer("threshold", torch.zeros(()))

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> "UnrolledSAE":
        """Return random directions, until it is initialised; every step of the encoder is the decoder."""
        directions = random_directions(config.width, dim, generator)
        biases = {"bias": torch.zeros(dim), "encoder_bias": torch.zeros(config.steps, config.width)}
        sae = cls(config, dim, decoder=directions, encoder=directions.repeat(config.steps, 1, 1), **biases)
        sae.seed = int(torch.randint(1 << 31, (), generator=generator))
        return sae

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Put the origin at the silent point, take rows as directions, and set where the pursuit ends."""
        directions = row_directions(z - self.silent_point, self.width, self.seed)
        gains = pursue(z - self.silent_point, directions, self.config.most).gains
        self.start_from(directions, self.silent_point, gain_threshold(gains, self.config.k))

    @torch.no_grad()
    def start_from(self, decoder: Float[Tensor, "m d"], bias: Float[Tensor, " d"], min_gain: float) -> None:
        """Start from these directions, as decoder and as every step of the encoder, and this pursuit's end."""
        self.decoder.copy_(decoder)
        self.encoder.copy_(decoder)
        self.bias.copy_(bias)
        self.min_gain.fill_(min_gain)
        self.threshold.fill_(min_gain)
        if "start" in self._buffers:
            self.start.copy_(decoder)

    @torch.no_grad()
    def calibrate(self, z: Float[Tensor, "n d"]) -> None:
        """Set `threshold` so that k features fire on average over these rows."""
        member = self._members()[0]._replace(threshold=torch.zeros_like(self.threshold))
        pieces = [self._last(piece - member.bias, member).gains for piece in torch.split(z, _PIECE)]
        # Their longest pursuits differ in length.
        gains = torch.cat([F.pad(piece, (0, self.config.most - piece.shape[1])) for piece in pieces])
        self.threshold.fill_(gain_threshold(gains, self.config.k))

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """encoder_1 (z - bias) + encoder_bias_1: the scores of the first step."""
        encoder, bias = self.encoder[..., 0, :, :], self.encoder_bias[..., 0, :]
        return linear(z, encoder, shifted(bias, encoder, self.bias))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the values of the features; their gradient is that of least squares on those that fire."""
        return self._stacked([self._features_of(z - member.bias, member) for member in self._members()])

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, and `choice`, the cross-entropy with a full pursuit."""
        # Small problems with a Cholesky factor each: not for bfloat16.
        with torch.autocast(z.device.type, enabled=False):
            terms = [self._terms(z, index, member) for index, member in enumerate(self._members())]
        names = ("error", "choice")
        stacked = {name: self._stacked([own[name] for own in terms]) for name in names}
        return Losses(stacked, self._stacked([own["fired"] for own in terms]))

    def _terms(self, z: Float[Tensor, "n d"], index: int, member: Member) -> dict[str, Tensor]:
        x = (z - member.bias).detach()
        target = pursue(x, member.decoder.detach(), self.config.most, member.min_gain.item(), member.gram)
        values, choice = target.dense(self.width), x.new_zeros(())
        for step in self._steps(x, member._replace(threshold=member.min_gain)):
            # The lowest scores are those of earlier candidates, whose weight is 0.
            choice = choice - (values * step.scores.log_softmax(1)).sum(1).mean()
            values = values.scatter(1, step.candidates, 0)
        self._follow(index, target)
        f = step.code.dense(self.width)
        error = squared_error(z, F.linear(f, member.decoder.T, member.bias))
        return {"error": error, "choice": choice, "fired": (f > 0).any(0)}

    def _follow(self, index: int, target: Pursuit) -> None:
        """Let `min_gain` follow the directions, where they are trained, so that the pursuit takes k features."""
        if self.training and self.decoder.requires_grad:
            excess = (target.values > 0).sum() / (len(target.values) * self.config.k)
            self.min_gain.view(-1)[index] *= excess.pow(_FOLLOW).clamp(0.5, 2)

    def _features_of(self, x: Float[Tensor, "n d"], member: Member) -> Float[Tensor, "n m"]:
        code = self._last(x.detach(), member)
        if x.requires_grad:
            change = along_support((x - x.detach()) @ member.decoder.T, code, member.gram)
            code = code._replace(values=code.values + change)
        return code.dense(self.width)

    @torch.no_grad()
    def _last(self, x: Float[Tensor, "n d"], member: Member) -> Pursuit:
        """Return the code after the last step."""
        *_, step = self._steps(x, member)
        return step.code

    def _steps(self, x: Float[Tensor, "n d"], member: Member) -> Iterator[Step]:
        """Yield every step; the last one's pursuit ends by `threshold`, earlier ones' by `min_gain`."""
        decoder, left = member.decoder.detach(), x
        candidates, matches = x.new_empty(len(x), 0, dtype=torch.int64), x.new_empty(len(x), 0)
        ends = [member.min_gain.item()] * (self.config.steps - 1) + [member.threshold.item()]
        for encoder, encoder_bias, end in zip(member.encoder, member.encoder_bias, ends, strict=True):
            scores = F.linear(left, encoder, encoder_bias)
            scores = scores.scatter_(1, candidates, torch.finfo(scores.dtype).min)
            new = scores.detach().topk(self.config.candidates, dim=1, sorted=False).indices
            candidates, matches = torch.cat([candidates, new], 1), torch.cat([matches, _matches(x, decoder, new)], 1)
            most = min(self.config.most, candidates.shape[1])
            code = pursue_among(candidates, matches, member.gram, most, end)
            yield Step(scores, candidates, code)
            left = x - F.embedding_bag(code.features, decoder, per_sample_weights=code.values, mode="sum")

    def _members(self) -> list[Member]:
        """Return the members of a stack; itself, if it is none."""
        tensors = [getattr(self, name) for name in Member._fields]
        if self.decoder.ndim == 2:
            return [Member(*tensors)]
        return [Member(*own) for own in zip(*tensors, strict=True)]

    def _stacked(self, own: list[Tensor]) -> Tensor:
        """Stack what belongs to each member, if this is a stack."""
        return own[0] if self.decoder.ndim == 2 else torch.stack(own)

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the scores of features that have not fired for more than `after` rows, in all steps."""
        self.encoder_bias += by * (self.rows_since_fired > after)[..., None, :]


def _matches(
    x: Float[Tensor, "n d"], decoder: Float[Tensor, "m d"], features: Int64[Tensor, "n c"]
) -> Float[Tensor, "n c"]:
    """Return how well each row's features match it."""
    directions = decoder.index_select(0, features.flatten()).view(*features.shape, -1)
    return (directions @ x[..., None])[..., 0]


@register_kind
@dataclass(frozen=True)
class Unrolled(TrainedConfig):
    """Settings of an unrolled pursuit.

    width:       features, m.
    k:           features that fire at a position, on average.
    steps:       steps of the encoder: more are slower, and nearer to a pursuit.
    candidates:  features that each step chooses; few of them fire.
    """

    kind: ClassVar[str] = "unrolled"
    sae: ClassVar[Any] = UnrolledSAE
    summary: ClassVar[str] = "a few learned steps of pursuit"
    source: ClassVar[str] = "after Gregor & LeCun 2010"
    style: ClassVar[LineStyle] = LineStyle("#5AAE61", "1")
    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "decoder": ("decoder", "bias"),
        "encoder": ("encoder", "encoder_bias"),
        "soft-decoder": (),
    }
    k: int = 4
    steps: int = 2
    candidates: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
        if self.steps < 1 or self.candidates < 1 or not self.k <= self.steps * self.candidates <= self.width:
            raise VisaeError(
                f"{self.steps} steps choose {self.candidates} candidates each; they must be at least k, {self.k}, "
                f"together, and at most the width, {self.width}"
            )

    @property
    def most(self) -> int:
        """Features that may fire at one position."""
        return most_that_fire(self.k, self.width)
