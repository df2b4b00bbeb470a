"""The base of all sparse autoencoders: decoder and scale, rows and maps, and the hooks of training."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from visae.sae._algebra import (
    drop_parallel_gradient,
    hold_near,
    linear,
    project_to_sphere,
    random_directions,
    shifted,
)
from visae.sae._config import SAEConfig, TrainedConfig

SOFT_COSINE = 0.8  # of a soft-frozen direction with its start, at least


class Losses(NamedTuple):
    """The terms of a training loss, each [*s], whose sum is minimised; and which features fired, [*s, m].

    A term called `sparsity` is warmed up by the trainer.
    """

    terms: dict[str, Tensor]
    fired: Tensor


class SAE(nn.Module, ABC):
    """A sparse autoencoder over rows, the same at every position.

    Takes and returns raw activations. Inside, a row x is z = (x - centre) / scale, and z ~ f(z) @ decoder + bias;
    `centre` and `scale` are fixed by the data before training.

    decoder: [m, d];  bias: [d];  centre: [d];  scale: a scalar.
    rows_since_fired: training rows since each feature last fired, [m], counted by the trainer.
    configs: its config; in a stack, each member's.
    about: the metadata in its file: network, layer, rows, training, metrics.
    rate_factors: of its kind: by parameter, its learning rate relative to that of training; 1 for those not named.

    Within a stack (`visae.sae.stack`) every tensor has one more leading axis, [s, ...], and so do the terms of the
    loss: a formula written for one SAE holds for all.
    """

    training_only: ClassVar[tuple[str, ...]] = ("rows_since_fired",)
    """Tensors that only training needs: checkpoints have them, dictionary files do not."""
    learns: ClassVar[bool] = False
    """Whether it learns by `learn`, without gradients."""
    rate_factors: ClassVar[Mapping[str, float]] = {}

    decoder: Tensor
    bias: Tensor
    centre: Tensor
    scale: Tensor
    rows_since_fired: Tensor
    start: Tensor  # [m, d], unit rows; only if the decoder is soft-frozen

    def __init__(self, config: SAEConfig, dim: int, **parameters: Float[Tensor, "..."]):
        super().__init__()
        self.configs: tuple[Any, ...] = (config,)
        self.dim, self.width = dim, config.width or dim
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value))
        for name in self.frozen:
            self.get_parameter(name).requires_grad_(False)
        if getattr(config, "freeze", "none") == "soft-decoder":
            self.register_buffer("start", F.normalize(self.decoder.detach(), dim=-1))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("rows_since_fired", torch.zeros(self.width, dtype=torch.int64))
        for name in config.varied:
            # Cast to the setting's own type: a penalty given as 2 becomes 2.0.
            number = type(getattr(type(config), name))
            self.register_buffer(name, torch.tensor(number(getattr(config, name))), persistent=False)
        self.about: dict[str, Any] = {}

    @classmethod
    @abstractmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> "SAE":
        """Return a fresh SAE over rows of `dim`; `generator` draws its initial directions."""

    @property
    def config(self) -> Any:
        """Its config; in a stack, the first member's, which differs from the others only in varied settings."""
        return self.configs[0]

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the parameters that are not trained (see `visae.sae.TrainedConfig`)."""
        config = self.config
        return config.freezable.get(config.freeze, ()) if isinstance(config, TrainedConfig) else ()

    @property
    def block_size(self) -> int:
        """Consecutive features that span a subspace together: 1 for every kind but block-sparse ones."""
        return 1

    @property
    def silent_point(self) -> Float[Tensor, " d"]:
        """The standardised row of zeros, in which all neurons are silent; not defined for a stack."""
        return -self.centre / self.scale

    @property
    def directions(self) -> Float[Tensor, "m d"]:
        """What one unit of each feature adds to a row, in raw activations; not defined for a stack."""
        return self.decoder.detach() * self.scale

    def encode(self, x: Float[Tensor, "n d"] | Float[Tensor, "b d h w"]) -> Tensor:
        """Encode rows [n, d] to features [n, m], or maps [b, d, h, w] to maps [b, m, h, w], on the SAE's device."""
        x = x.to(self.centre.device)
        if x.ndim == 4:
            return _as_maps(self.features(self.standardise(_as_rows(x))), x)
        return self.features(self.standardise(x))

    def decode(self, f: Float[Tensor, "n m"] | Float[Tensor, "b m h w"]) -> Tensor:
        """Decode features to raw activations, as rows or as maps."""
        f = f.to(self.centre.device)
        if f.ndim == 4:
            return _as_maps(self.decode(_as_rows(f)), f)
        return self.reconstruct(f) * self.scale + self.centre

    def pre_activations(self, x: Float[Tensor, "b d h w"]) -> Float[Tensor, "b m h w"]:
        """Return the features' pre-activations over maps: their values before any feature is silenced."""
        x = x.to(self.centre.device)
        return _as_maps(self.preactivate(self.standardise(_as_rows(x))), x)

    def standardise(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Convert raw rows to z, the SAE's own scale."""
        return (x - self.centre) / self.scale

    @abstractmethod
    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the pre-activations of standardised rows: what each feature would be if none were silenced."""

    @abstractmethod
    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Encode standardised rows; features are never negative, except for those of blocks and baselines."""

    def reconstruct(self, f: Float[Tensor, "*s n m"]) -> Float[Tensor, "*s n d"]:
        """Decode features to standardised rows."""
        return linear(f, self.decoder.mT, self.bias)

    @abstractmethod
    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """Return the terms of the training loss on standardised rows, and which features fired.

        Changes nothing in evaluation mode, in which the trainer measures held-out rows.
        """

    def fit_scale(self, mean: Float[Tensor, " d"], variance: Float[Tensor, " d"]) -> None:
        """Centre on the data's mean, and scale so that E|z|^2 = d."""
        self.centre.copy_(mean)
        self.scale.fill_(math.sqrt(max(variance.mean().item(), 1e-12)))

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Set what depends on data before training, from a sample of standardised rows. Does nothing by default."""

    def learn(self, z: Float[Tensor, "n d"], progress: float = 1.0) -> Losses:
        """Learn from a batch of standardised rows without gradients, for kinds that do; return the loss of before.

        progress: how much of the training is over after this batch, above 0 and up to 1.
        """
        raise NotImplementedError(f"{type(self).__name__} learns by gradients")

    def count_rows_since_fired(self, fired: Bool[Tensor, "*s m"], rows: int) -> None:
        """Count a batch of rows, in which these features fired."""
        self.rows_since_fired += rows
        self.rows_since_fired.masked_fill_(fired, 0)

    def revive(self, after: int, by: float) -> None:
        """Help features that have not fired for more than `after` rows; `by` is in learning rates. A hook."""

    def refresh(self) -> None:
        """Called before the first step and every few steps: update what need not be updated at every step."""

    def calibrate(self, z: Float[Tensor, "n d"]) -> None:
        """Set what only inference uses, from a large sample of training rows. A hook, called after training."""

    def forget(self) -> None:
        """Called after tensors have been replaced: drop anything derived from them."""

    def before_step(self) -> None:
        """Called between backward and the optimiser's step."""

    def after_step(self) -> None:
        """Called after the optimiser's step."""

    def hold_to_start(self) -> None:
        """Called after `after_step`: turn the directions of a soft-frozen decoder back to near their start."""
        if "start" in self._buffers:
            hold_near(self.decoder, self.start, SOFT_COSINE)


class EncoderSAE(SAE):
    """An SAE with an affine encoder of its own: pre-activations are encoder (z - bias) + encoder_bias.

    encoder: [m, d];  encoder_bias: [m]. At the start the encoder is the decoder: random unit directions.
    """

    revive_rate: ClassVar[float] = 1.0
    """How fast the encoder bias of a silent feature rises, relative to other kinds."""

    encoder: Tensor
    encoder_bias: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE whose encoder and decoder are the same random unit directions."""
        return cls(config, dim, **cls.tied_start(random_directions(config.width, dim, generator)))

    @staticmethod
    def tied_start(directions: Float[Tensor, "m d"]) -> dict[str, Tensor]:
        """Return parameters in which decoder and encoder are these directions, and the biases are zero."""
        width, dim = directions.shape
        biases = {"encoder_bias": torch.zeros(width), "bias": torch.zeros(dim)}
        return {"decoder": directions, "encoder": directions.clone(), **biases}

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """encoder (z - bias) + encoder_bias."""
        return linear(z, self.encoder, self.shift)

    @property
    def shift(self) -> Float[Tensor, "*s m"]:
        """The pre-activations of z = 0: encoder_bias - encoder bias."""
        return shifted(self.encoder_bias, self.encoder, self.bias)

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the encoder bias of features that have not fired for more than `after` rows.

        Raising a bias until its feature fires again leaves the loss unchanged, as in the expert balancing of Wang et
        al. 2024 (arXiv 2408.15664). AuxK and resampling send silent features after the residual, where they explain
        rare rows and lose against the pre-activations of other features; here they keep their directions.
        """
        self.encoder_bias += self.revive_rate * by * (self.rows_since_fired > after)


class UnitDecoderSAE(SAE):
    """An SAE whose decoder rows have unit norm, whatever its encoder."""

    def before_step(self) -> None:
        """Remove the component along each row from the decoder's gradient, since rows keep unit norm."""
        if self.decoder.requires_grad:
            drop_parallel_gradient(self.decoder)

    def after_step(self) -> None:
        """Project the decoder's rows back onto the unit sphere."""
        if self.decoder.requires_grad:
            project_to_sphere(self.decoder)


class UnitNormSAE(UnitDecoderSAE, EncoderSAE):
    """An SAE with an affine encoder, whose decoder rows have unit norm."""


class GramSAE(SAE):
    """An SAE that is encoded with the cosines of its features, which are computed again only for another decoder.

    A change through `decoder.data`, which torch does not count, is to be followed by `forget`.
    """

    _gram: tuple[int, int, Tensor] | None = None

    @property
    def gram(self) -> Float[Tensor, "*s m m"]:
        """The cosines of all features, whose directions have unit norm."""
        # Tensors made in inference mode do not count their versions.
        version = 0 if self.decoder.is_inference() else self.decoder._version, self.decoder.data_ptr()
        if self._gram is None or self._gram[:2] != version:
            decoder = self.decoder.detach()
            self._gram = (*version, decoder @ decoder.mT)
        return self._gram[2]

    def forget(self) -> None:
        """Drop the cosines."""
        self._gram = None


def _as_rows(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "n c"]:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _as_maps(rows: Float[Tensor, "n c"], like: Float[Tensor, "b _ h w"]) -> Float[Tensor, "b c h w"]:
    b, _, h, w = like.shape
    return rows.view(b, h, w, -1).permute(0, 3, 1, 2)


def same_shape(sae: SAE) -> tuple[Any, ...]:
    """Return what SAEs must share to be stacked: their kind, and every setting that determines shapes or formulas."""
    settings: dict[str, Any] = asdict(sae.config)
    return (type(sae), sae.dim, *((name, value) for name, value in settings.items() if name not in sae.config.varied))


def stack(saes: Sequence[SAE]) -> SAE:
    """Return one module that computes what each of the SAEs computes; its tensors are copies, [s, ...]."""
    whole = deepcopy(saes[0])
    whole.configs = tuple(sae.config for sae in saes)
    for name in whole._parameters:
        whole._parameters[name] = nn.Parameter(torch.stack([sae.get_parameter(name).detach() for sae in saes]))
    for name in whole._buffers:
        whole._buffers[name] = torch.stack([sae.get_buffer(name) for sae in saes])
    for name in whole.frozen:
        whole.get_parameter(name).requires_grad_(False)
    whole.forget()
    return whole


@torch.no_grad()
def unstack(whole: SAE, saes: Sequence[SAE]) -> None:
    """Copy a stack's tensors back into its members."""
    tensors: dict[str, Tensor] = whole.state_dict()
    for index, sae in enumerate(saes):
        for name, tensor in sae.state_dict().items():
            tensor.copy_(tensors[name][index])
        sae.forget()
