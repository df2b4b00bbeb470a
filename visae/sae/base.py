"""What every sparse autoencoder has: its parameters, its units of measurement, rows and maps."""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


@runtime_checkable
class Recipe(Protocol):
    """How to make an SAE of one kind: a frozen dataclass of its settings."""

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """How many features, m."""

    def build(self, dim: int, generator: torch.Generator) -> "SAE":
        """A fresh SAE over rows of `dim`."""


class SAE(nn.Module, ABC):
    """A sparse autoencoder over rows, the same at every position.

    Takes and gives raw activations. Inside, a row x is z = (x - centre) / scale, and
    z ~ f(z) @ decoder + bias; `centre` and `scale` are fixed by the data before training.

    encoder, decoder: [m, d];  encoder_bias: [m];  bias: [d];  centre: [d];  scale: a scalar.
    idle: rows of training seen since each feature last fired, [m].
    about: what its file says of it: network, layer, rows, training, figures.
    """

    recipe: Recipe
    centre: Tensor
    scale: Tensor
    idle: Tensor

    def __init__(self, dim: int, width: int, decoder: Float[Tensor, "m d"]):
        super().__init__()
        self.dim, self.width = dim, width
        self.decoder = nn.Parameter(decoder)
        self.encoder = nn.Parameter(decoder.detach().clone())
        self.encoder_bias = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("idle", torch.zeros(width, dtype=torch.int64))
        self.about: dict[str, Any] = {}

    def fit_units(self, mean: Float[Tensor, " d"], variance: Float[Tensor, " d"]) -> None:
        """Centre on the data's mean, and scale so that E|z|^2 = d."""
        self.centre.copy_(mean)
        self.scale.fill_(math.sqrt(max(variance.mean().item(), 1e-12)))

    @property
    def directions(self) -> Float[Tensor, "m d"]:
        """The features' directions in raw activations: what one unit of a feature adds to a row."""
        return self.decoder.detach() * self.scale

    def encode(self, x: Float[Tensor, "n d"] | Float[Tensor, "b d h w"]) -> Tensor:
        """Rows [n, d] to features [n, m], or maps [b, d, h, w] to maps [b, m, h, w]; on the SAE's device."""
        x = x.to(self.centre.device)
        if x.ndim == 4:
            return _as_maps(self.features(self.standardise(_as_rows(x))), x)
        return self.features(self.standardise(x))

    def decode(self, f: Float[Tensor, "n m"] | Float[Tensor, "b m h w"]) -> Tensor:
        """Features to raw activations, in rows or in maps."""
        f = f.to(self.centre.device)
        if f.ndim == 4:
            return _as_maps(self.decode(_as_rows(f)), f)
        return self.reconstruct(f) * self.scale + self.centre

    def standardise(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Raw rows in the SAE's own units."""
        return (x - self.centre) / self.scale

    def pre_activations(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """The encoder's affine map: encoder (z - bias) + encoder_bias."""
        return F.linear(z - self.bias, self.encoder, self.encoder_bias)

    def reconstruct(self, f: Float[Tensor, "n m"]) -> Float[Tensor, "n d"]:
        """Features to standardised rows."""
        return f @ self.decoder + self.bias

    @abstractmethod
    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Standardised rows to features, which are never negative."""

    @abstractmethod
    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Tensor]:
        """The terms of the training loss on standardised rows, whose sum is minimised.

        A term called `sparsity` is warmed up by the trainer.
        """

    def count_idle(self, f: Float[Tensor, "n m"]) -> None:
        """Count, for each feature, the rows seen since it last fired."""
        self.idle += len(f)
        self.idle.masked_fill_((f > 0).any(0), 0)

    def before_step(self) -> None:
        """Called between backward and the optimiser's step."""

    def after_step(self) -> None:
        """Called after the optimiser's step."""


def random_directions(width: int, dim: int, generator: torch.Generator) -> Float[Tensor, "m d"]:
    """Directions drawn uniformly on the unit sphere."""
    return F.normalize(torch.randn(width, dim, generator=generator), dim=1)


def squared_error(z: Float[Tensor, "n d"], guess: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Mean over rows of |z - guess|^2."""
    return (z - guess).square().sum(1).mean()


def _as_rows(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "n c"]:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _as_maps(rows: Float[Tensor, "n c"], like: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b c h w"]:
    b, _, h, w = like.shape
    return rows.view(b, h, w, -1).permute(0, 3, 1, 2)
