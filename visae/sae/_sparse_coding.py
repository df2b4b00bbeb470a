"""Sparse coding: dictionaries whose features are inferred by a pursuit instead of an encoder."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import TooFewRowsError, VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import SAE, GramSAE, Losses
from visae.sae._config import LineStyle, SAEConfig, most_that_fire
from visae.sae._lasso import lasso
from visae.sae._pursuit import Pursuit, along_support, gain_threshold, listed, pursue
from visae.sae._registry import register_kind

# Rows among which each direction is drawn.
_ROWS_PER_DIRECTION = 16
_CALIBRATION_ROWS = 8192


class PursuitSAE(GramSAE):
    """f = the values of non-negative orthogonal matching pursuit over the decoder, whose rows are unit directions.

    A row's pursuit ends when a further feature would lower its squared error by less than `min_gain`, which is set so
    that k features fire on average: rows that need more get more. The origin is the silent point, at which all neurons
    are 0; directions are added to it. With an L1 penalty, f = argmin |z - f decoder - bias|^2 / 2 + l1 |f|_1, f >= 0,
    instead.

    decoder: [m, d];  bias: [d], the silent point;  min_gain: a scalar.
    """

    k: Tensor
    min_gain: Tensor
    seed: int

    def __init__(self, config: SAEConfig, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__(config, dim, **parameters)
        self.register_buffer("min_gain", torch.zeros(()))
        self.requires_grad_(False)

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return random directions, until it is initialised."""
        sae = cls(config, dim, decoder=random_directions(config.width, dim, generator), bias=torch.zeros(dim))
        sae.seed = int(torch.randint(1 << 31, (), generator=generator))
        return sae

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Put the origin at the silent point and, unless the start is random, take rows as directions."""
        self.bias.copy_(self.silent_point)
        if self.config.start == "rows":
            self.decoder.copy_(row_directions(z - self.bias, self.width, self.seed))
        self.set_min_gain(z, self.first_count)

    @property
    def first_count(self) -> float:
        """Features that fire on average before any training."""
        count: float = self.config.k
        return count

    @torch.no_grad()
    def calibrate(self, z: Float[Tensor, "n d"]) -> None:
        """Set `min_gain` so that k features fire on average over these rows."""
        self.set_min_gain(z, self.config.k)

    def set_min_gain(self, z: Float[Tensor, "n d"], count: float) -> None:
        """Set `min_gain` so that `count` features fire on average over these rows, or 8,192 to 16,383 of them."""
        # Without a threshold every row is pursued to the end, which takes several times as long.
        z = z[:: max(len(z) // _CALIBRATION_ROWS, 1)]
        code = pursue(z - self.bias, self.decoder, self.config.steps, gram=self.gram)
        self.min_gain.fill_(gain_threshold(code.gains, count))

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """decoder (z - bias): how well each feature matches a row before anything is selected."""
        return linear(z, self.decoder, shifted(self.decoder.new_zeros(self.width), self.decoder, self.bias))

    @torch.no_grad()
    def code(self, z: Float[Tensor, "n d"]) -> Pursuit:
        """Return the features that fire, in lists: those that the pursuit selects, or LASSO's."""
        if self.config.l1:
            return listed(lasso(z - self.bias, self.decoder, self.config.l1, self.gram))
        return pursue(z - self.bias, self.decoder, self.config.steps, self.min_gain.item(), self.gram)

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return the values of the features; their gradient is that of least squares on those that fire.

        Those of a row that is not finite are NaN, as with an encoder.
        """
        code = self.code(z.detach())
        if z.requires_grad:
            change = along_support((z - z.detach()) @ self.decoder.T, code, self.gram)
            code = code._replace(values=code.values + change)
        f = code.dense(self.width)
        is_finite = z.detach().isfinite().all(1, keepdim=True)
        return f if is_finite.all() else torch.where(is_finite, f, math.nan)

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension."""
        f = self.features(z)
        return Losses({"error": squared_error(z, self.reconstruct(f)) / self.dim}, (f > 0).any(0))


@register_kind
@dataclass(frozen=True)
class FixedDirections(SAEConfig):
    """Settings of a pursuit over directions that are not trained, a baseline for sparse coding.

    width:  features, m.
    k:      features that fire at a position, on average.
    most:   features that may fire at one position; 0 for the smaller of 4 k and 2 k + 16; with k, exactly k do.
    l1:     weight of an L1 penalty, on rows scaled so that E|z|^2 = d: infer features by LASSO instead of a pursuit,
            whatever k and most are, and many times as slowly; 0 for the pursuit.
    start:  the first directions: `rows` of the data, or `random` ones.
    """

    kind: ClassVar[str] = "pursuit"
    sae: ClassVar[Any] = PursuitSAE
    summary: ClassVar[str] = "pursuit over rows of the data, or random directions"
    style: ClassVar[LineStyle] = LineStyle("0.55", "x", "--")
    baseline: ClassVar[bool] = True
    k: int = 4
    most: int = 0
    l1: float = 0.0
    start: str = "rows"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.width:
            raise VisaeError(f"k is {self.k}, the width {self.width}; k must be between 1 and the width")
        if not self.k <= self.steps <= self.width:
            raise VisaeError(
                f"most is {self.most}, k {self.k} and the width {self.width}; most must be between the two, or 0"
            )
        if not 0 <= self.l1 < math.inf:
            raise VisaeError(f"l1 is {self.l1:g}; it must be 0 or more")
        if self.start not in ("rows", "random"):
            raise VisaeError(f"start is {self.start!r}; it must be 'rows' or 'random'")

    @property
    def steps(self) -> int:
        """Steps of a row's pursuit, at most."""
        return self.most or most_that_fire(self.k, self.width)


def row_directions(z: Float[Tensor, "n d"], count: int, seed: int) -> Float[Tensor, "m d"]:
    """Return the directions of rows that are far apart, drawn as k-means++ draws centres (Arthur & Vassilvitskii 2007).

    Each is drawn with probability proportional to 1 - the largest squared cosine with those drawn before, so that rare
    directions have features too. Silent rows are left out.
    """
    norms = z.norm(dim=1)
    directions = F.normalize(z[norms > 1e-6 * norms.amax()][: _ROWS_PER_DIRECTION * count], dim=1)
    if len(directions) < count:
        raise TooFewRowsError(
            f"only {len(directions)} of {len(z):,} rows are not silent, for {count} features; "
            "make fewer features, or capture more rows"
        )
    generator = torch.Generator().manual_seed(seed)
    far = torch.ones(len(directions), dtype=torch.float64)
    drawn: list[int] = []
    for _ in range(count):
        # Copies of what was drawn are left once everything else is gone.
        weights = far if far.any() else torch.ones_like(far).index_fill(0, torch.tensor(drawn), 0)
        drawn.append(int(torch.multinomial(weights, 1, generator=generator)))
        cosines = (directions @ directions[drawn[-1]]).clamp(0, 1).cpu().double()
        far = torch.minimum(far, 1 - cosines.square())
        far[drawn[-1]] = 0
    return directions[torch.tensor(drawn, device=z.device)]
