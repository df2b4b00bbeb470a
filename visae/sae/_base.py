"""What every sparse autoencoder has: its parameters, its units of measurement, rows and maps."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from visae.sae._algebra import drop_parallel_gradient, linear, put_on_sphere, shifted


@runtime_checkable
class SAEConfig(Protocol):
    """How to make an SAE of one kind: a frozen dataclass of its settings."""

    kind: ClassVar[str]
    varied: ClassVar[tuple[str, ...]]
    """Settings in which the SAEs of a stack may differ; the SAE has a buffer of the same name for each."""

    @property
    def width(self) -> int:
        """How many features, m; 0 for as many as the rows have dimensions."""

    def build(self, dim: int, generator: torch.Generator) -> "SAE":
        """A fresh SAE over rows of `dim`."""


class SAE(nn.Module, ABC):
    """A sparse autoencoder over rows, the same at every position.

    Takes and gives raw activations. Inside, a row x is z = (x - centre) / scale, and
    z ~ f(z) @ decoder + bias; `centre` and `scale` are fixed by the data before training.

    decoder: [m, d];  bias: [d];  centre: [d];  scale: a scalar.
    rows_since_fired: rows of training seen since each feature last fired, [m].
    recipes: how it was made; one for each member of a stack.
    about: what its file says of it: network, layer, rows, training, figures.

    Within a stack (`visae.sae.stack`) every tensor has one more axis in front, [s, ...], and so have the terms of the
    loss: what is computed for one SAE is computed for all.
    """

    revive_rate: ClassVar[float] = 1.0
    """How fast the bias of silent features rises, compared with the other kinds."""

    decoder: Tensor
    encoder: Tensor
    encoder_bias: Tensor
    bias: Tensor
    centre: Tensor
    scale: Tensor
    rows_since_fired: Tensor

    def __init__(self, recipe: SAEConfig, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__()
        self.configs: tuple[Any, ...] = (recipe,)
        self.dim, self.width = dim, recipe.width or dim
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("rows_since_fired", torch.zeros(self.width, dtype=torch.int64))
        for name in recipe.varied:
            # Of the setting's own type: a penalty given as 2 is the number 2.0.
            kind = type(getattr(type(recipe), name))
            self.register_buffer(name, torch.tensor(kind(getattr(recipe, name))), persistent=False)
        self.about: dict[str, Any] = {}

    @property
    def config(self) -> Any:
        """How it was made; in a stack, how the first member was made, which tells all but the varied settings."""
        return self.configs[0]

    def fit_scale(self, mean: Float[Tensor, " d"], variance: Float[Tensor, " d"]) -> None:
        """Centre on the data's mean, and scale so that E|z|^2 = d."""
        self.centre.copy_(mean)
        self.scale.fill_(math.sqrt(max(variance.mean().item(), 1e-12)))

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Set whatever of the start depends on data, from a sample of standardised rows; nothing for most kinds."""

    @property
    def block(self) -> int:
        """Features that span a subspace together, one after the other: 1 but for blocks."""
        return 1

    @property
    def directions(self) -> Float[Tensor, "m d"]:
        """The features' directions in raw activations: what one unit of a feature adds to a row. Not for a stack."""
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

    def pre_activations(self, x: Float[Tensor, "b d h w"]) -> Float[Tensor, "b m h w"]:
        """The features' pre-activations over maps: what they are before any of them is silenced."""
        x = x.to(self.centre.device)
        return _as_maps(self.preactivate(self.standardise(_as_rows(x))), x)

    def standardise(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Raw rows in the SAE's own units."""
        return (x - self.centre) / self.scale

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The encoder's affine map: encoder (z - bias) + encoder_bias."""
        return linear(z, self.encoder, self.shift)

    @property
    def shift(self) -> Float[Tensor, "*s m"]:
        """The pre-activations of z = 0: encoder_bias - encoder bias."""
        return shifted(self.encoder_bias, self.encoder, self.bias)

    def reconstruct(self, f: Float[Tensor, "*s n m"]) -> Float[Tensor, "*s n d"]:
        """Features to standardised rows."""
        return linear(f, self.decoder.mT, self.bias)

    @abstractmethod
    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Standardised rows to features: never negative, but for blocks and baselines, which are signed."""

    @abstractmethod
    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """The terms of the training loss on standardised rows, whose sum is minimised.

        A term called `sparsity` is warmed up by the trainer.
        """

    def count_rows_since_fired(self, fired: Bool[Tensor, "*s m"], rows: int) -> None:
        """Count, for each feature, the rows seen since it last fired."""
        self.rows_since_fired += rows
        self.rows_since_fired.masked_fill_(fired, 0)

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the encoder's bias of features that did not fire for more than `after` rows.

        A bias that rises until its feature fires again leaves the loss alone, as in the balancing of experts by Wang et
        al. 2024 (arXiv 2408.15664). AuxK and resampling send silent features after the residual, where they explain
        what is rare and lose against the others' pre-activations; here they keep their directions until they are used.
        """
        if "encoder_bias" in self._parameters:
            self.encoder_bias += self.revive_rate * by * (self.rows_since_fired > after)

    def refresh(self) -> None:
        """Called before the first step and every few steps, for what need not be looked at in every one."""

    def forget(self) -> None:
        """Called when the tensors were replaced: what was worked out from them does not hold any more."""

    def remember(self, before: "SAE", kept: Sequence[int]) -> None:
        """Take over what was worked out by a stack of which these members are left."""

    def before_step(self) -> None:
        """Called between backward and the optimiser's step."""

    def after_step(self) -> None:
        """Called after the optimiser's step."""


class UnitNorm(SAE):
    """An SAE whose decoder's rows are of unit norm."""

    def before_step(self) -> None:
        """Remove from the decoder's gradient the part along each row, which the unit norm forbids."""
        drop_parallel_gradient(self.decoder)

    def after_step(self) -> None:
        """Put the decoder's rows back on the unit sphere."""
        put_on_sphere(self.decoder)


def _as_rows(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "n c"]:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _as_maps(rows: Float[Tensor, "n c"], like: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b c h w"]:
    b, _, h, w = like.shape
    return rows.view(b, h, w, -1).permute(0, 3, 1, 2)
