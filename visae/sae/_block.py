"""Block-sparse SAE with Grassmannian blocks (block-sparse featurizer, 2026): l of G subspaces explain a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import SAE, Losses
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._registry import register_kind

# How fast the gain of silent blocks rises, relative to the biases of other kinds: a gain scales pre-activations instead
# of shifting them.
_REVIVE_RATE = 3.0


class BlockSAE(SAE):
    """f_g = exp(log_gain_g) decoder_g (z - bias) for the l blocks g with the largest norm |f_g|; zero for the others.

    decoder_g: the p rows of block g, orthonormal (QR every few steps). Features are signed: the coordinates of a row
    within a block. loss = |z - f decoder - bias|^2 / d + |e - e_hat|^2 / (d l), with e the residual, which gets no
    gradient, and e_hat the reconstruction from the next l blocks.
    """

    log_gain: Tensor
    blocks: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE with random orthonormal blocks; raises `VisaeError` for blocks larger than the rows."""
        if config.size > dim:
            raise VisaeError(f"a block's size is {config.size}, rows have {dim} dimensions; it cannot be larger")
        start = _orthonormal(random_directions(config.width, dim, generator), config.size)
        gains = torch.zeros(config.width // config.size)
        return cls(config, dim, decoder=start, log_gain=gains, bias=torch.zeros(dim))

    @property
    def block_size(self) -> int:
        """The dimensions of a block."""
        return int(self.config.size)

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Set the gains so that the reconstruction is unbiased: E|z_hat|^2 = E<z_hat, z>."""
        reconstruction = self.reconstruct(self.features(z))
        gain = (reconstruction * z).sum() / reconstruction.square().sum().clamp_min(1e-12)
        self.log_gain.data += gain.clamp_min(1e-6).log()

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the features of all blocks, before any is selected."""
        encoder = self.log_gain.exp().repeat_interleave(self.config.size, -1)[..., None] * self.decoder
        return linear(z, encoder, shifted(encoder.new_zeros(encoder.shape[:-1]), encoder, self.bias))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the features of the strongest blocks of each row; zero elsewhere."""
        pre = self.preactivate(z)
        return pre * self._selected(pre)[0]

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension, and `aux`: the residual that the next blocks leave, per dimension and block."""
        pre = self.preactivate(z)
        first, second = self._selected(pre)
        reconstruction = self.reconstruct(pre * first)
        residual = (z - reconstruction).detach()
        terms = {
            "error": squared_error(z, reconstruction) / self.dim,
            "aux": squared_error(residual, (pre * second) @ self.decoder) / (self.dim * self.blocks),
        }
        return Losses(terms, (pre.detach() * first != 0).any(-2))

    @torch.no_grad()
    def _selected(self, pre: Float[Tensor, "*s n m"]) -> tuple[Bool[Tensor, "*s n m"], Bool[Tensor, "*s n m"]]:
        """Return masks of the features in the l strongest blocks of each row, and of those in the l after them."""
        norms = _in_blocks(pre.mT, self.config.size).square().sum(-2).mT
        count = self.blocks[..., None, None]
        strongest = norms.topk(min(2 * self.largest_count, norms.shape[-1]), dim=-1).indices
        rank = torch.arange(strongest.shape[-1], device=pre.device).expand_as(strongest)
        first, both = (
            torch.zeros_like(norms, dtype=torch.bool).scatter(-1, strongest, rank < k * count) for k in (1, 2)
        )
        first, both = (mask.repeat_interleave(self.config.size, -1) for mask in (first, both))
        return first, both & ~first

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the gain of blocks in which no feature fired, since blocks have no bias."""
        silent = (self.rows_since_fired > after).view(*self.log_gain.shape, -1).all(-1)
        self.log_gain += _REVIVE_RATE * by * silent

    @property
    def largest_count(self) -> int:
        """The largest l of a stack."""
        return int(max(config.blocks for config in self.configs))

    @torch.no_grad()
    def refresh(self) -> None:
        """Make the rows of each block orthonormal again."""
        if self.decoder.requires_grad:
            self.decoder.copy_(_orthonormal(self.decoder, self.config.size))


@register_kind
@dataclass(frozen=True)
class Block(TrainedConfig):
    """Settings of a block-sparse SAE.

    width:   features, m: the dimensions of all G = width / size blocks together.
    size:    dimensions of a block, p.
    blocks:  blocks that may fire at one position, l; together they have l p features.
    """

    kind: ClassVar[str] = "block"
    sae: ClassVar[Any] = BlockSAE
    varied: ClassVar[tuple[str, ...]] = ("blocks",)
    summary: ClassVar[str] = "l of G subspaces instead of single directions"
    source: ClassVar[str] = "block-sparse featurizers, 2026"
    style: ClassVar[LineStyle] = LineStyle("#8c6d31", "h")
    # There is no encoder, and rows that are held each by itself would not stay orthonormal.
    freezable: ClassVar[Mapping[str, tuple[str, ...]]] = {"decoder": ("decoder",)}
    size: int = 4
    blocks: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 1 or self.width < self.size or self.width % self.size:
            raise VisaeError(f"the width is {self.width}, a block's size {self.size}; give a width that size divides")
        if not 1 <= self.blocks <= self.width // self.size:
            raise VisaeError(
                f"blocks is {self.blocks}, there are {self.width // self.size}; it must be between 1 and that"
            )


def _orthonormal(decoder: Float[Tensor, "*s m d"], size: int) -> Float[Tensor, "*s m d"]:
    """Return orthonormal rows that span the same subspaces, by QR with the signs of the old rows."""
    factor = torch.linalg.qr(_in_blocks(decoder, size).mT)
    sign = factor.R.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
    oriented: Tensor = factor.Q * torch.where(sign == 0, 1, sign)
    return oriented.mT.flatten(-3, -2)


def _in_blocks(rows: Float[Tensor, "*s m n"], size: int) -> Float[Tensor, "*s g p n"]:
    return rows.reshape(*rows.shape[:-2], -1, size, rows.shape[-1])
