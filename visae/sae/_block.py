"""Block-sparse SAE with Grassmannian blocks (block-sparse featurizer, 2026): l of G subspaces explain a row."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import linear, random_directions, shifted, squared_error
from visae.sae._base import SAE


@dataclass(frozen=True)
class Block:
    """The recipe of a block-sparse SAE.

    width:  features, m: the dimensions of all blocks together, G = width / size of them.
    size:   dimensions of a block, p.
    blocks: blocks that may fire at one position, l; together they have l p features.
    """

    kind: ClassVar[str] = "block"
    varied: ClassVar[tuple[str, ...]] = ("blocks",)
    width: int = 768
    size: int = 4
    blocks: int = 2

    def __post_init__(self) -> None:
        if self.size < 1 or self.width < self.size or self.width % self.size:
            raise VisaeError(f"the width is {self.width}, a block's size {self.size}; give a width that size divides")
        if not 1 <= self.blocks <= self.width // self.size:
            raise VisaeError(
                f"blocks is {self.blocks}, there are {self.width // self.size}; it must be between 1 and that"
            )

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        if self.size > dim:
            raise VisaeError(f"a block's size is {self.size}, rows have {dim} dimensions; it cannot be larger")
        start = _orthonormal(random_directions(self.width, dim, generator), self.size)
        gains = torch.zeros(self.width // self.size)
        return BlockSAE(self, dim, decoder=start, log_gain=gains, bias=torch.zeros(dim))


class BlockSAE(SAE):
    """f_g = exp(log_gain_g) decoder_g (z - bias) for the l blocks g with the largest norm |f_g|; zero for the others.

    decoder_g: the p rows of block g, orthonormal (QR every few steps). Features have a sign: a row has a place within
    a block. loss = |z - f decoder - bias|^2 / d + |e - e_hat|^2 / (d l), with e the residual, which is not trained by
    this term, and e_hat what the next l blocks make of the row.
    """

    # A gain, unlike a bias, moves pre-activations by a share of themselves.
    revive_rate: ClassVar[float] = 3.0

    log_gain: Tensor
    blocks: Tensor

    @property
    def block(self) -> int:
        """The dimensions of a block."""
        return int(self.config.size)

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Gains with which the reconstruction is unbiased: E|z_hat|^2 = E<z_hat, z>."""
        guess = self.reconstruct(self.features(z))
        self.log_gain.data += ((guess * z).sum() / guess.square().sum().clamp_min(1e-12)).clamp_min(1e-6).log()

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """All blocks' features, before any is chosen."""
        encoder = self.log_gain.exp().repeat_interleave(self.config.size, -1)[..., None] * self.decoder
        return linear(z, encoder, shifted(encoder.new_zeros(encoder.shape[:-1]), encoder, self.bias))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """The features of the strongest blocks of each row; zero elsewhere."""
        pre = self.preactivate(z)
        return pre * self._chosen(pre)[0]

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """`error`, per dimension, and `aux`: what the next blocks leave of the residual, per dimension and block."""
        pre = self.preactivate(z)
        first, next_ones = self._chosen(pre)
        guess = self.reconstruct(pre * first)
        self.count_rows_since_fired((pre.detach() * first != 0).any(-2), len(z))
        left = (z - guess).detach()
        by_next = (pre * next_ones) @ self.decoder
        return {
            "error": squared_error(z, guess) / self.dim,
            "aux": squared_error(left, by_next) / (self.dim * self.blocks),
        }

    @torch.no_grad()
    def _chosen(self, pre: Float[Tensor, "*s n m"]) -> tuple[Bool[Tensor, "*s n m"], Bool[Tensor, "*s n m"]]:
        """Which features belong to the l strongest blocks of each row, and which to the l after them."""
        norms = _in_blocks(pre.mT, self.config.size).square().sum(-2).mT
        most = self.blocks[..., None, None]
        strongest = norms.topk(min(2 * self.most, norms.shape[-1]), dim=-1).indices
        rank = torch.arange(strongest.shape[-1], device=pre.device).expand_as(strongest)
        first, both = (
            torch.zeros_like(norms, dtype=torch.bool).scatter(-1, strongest, rank < k * most) for k in (1, 2)
        )
        first, both = (mask.repeat_interleave(self.config.size, -1) for mask in (first, both))
        return first, both & ~first

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the gain of blocks of which no feature fired: they have no bias."""
        silent = (self.rows_since_fired > after).view(*self.log_gain.shape, -1).all(-1)
        self.log_gain += self.revive_rate * by * silent

    @property
    def most(self) -> int:
        """The largest l of a stack."""
        return int(max(recipe.blocks for recipe in self.configs))

    @torch.no_grad()
    def refresh(self) -> None:
        """Make the rows of each block orthonormal again."""
        self.decoder.copy_(_orthonormal(self.decoder, self.config.size))


def _orthonormal(decoder: Float[Tensor, "*s m d"], size: int) -> Float[Tensor, "*s m d"]:
    """The blocks' subspaces with orthonormal rows, each as near to its old ones as QR leaves it."""
    factor = torch.linalg.qr(_in_blocks(decoder, size).mT)
    sign = factor.R.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
    turned: Tensor = factor.Q * torch.where(sign == 0, 1, sign)
    return turned.mT.flatten(-3, -2)


def _in_blocks(rows: Float[Tensor, "*s m n"], size: int) -> Float[Tensor, "*s g p n"]:
    return rows.reshape(*rows.shape[:-2], -1, size, rows.shape[-1])
