"""Sparse codes, whose decoding touches only the features that fire.

A sparse code lists its entries: the value that fires, its feature and its row. Decoding and the gradients of decoder,
encoder and values are then sums over the list, all computed by `embedding_bag`, which is fast on a CPU. `Dense` has the
same interface with dense products, which suit a GPU.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from visae.sae._algebra import with_ones
from visae.sae._topk_select import Entries

# Pre-activations computed at once: a piece that stays in cache while its entries are selected.
_PIECE = 1 << 22


@runtime_checkable
class Code(Protocol):
    """Features of n rows, [*s, n, m], in whatever form."""

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Multiply features by decoder."""

    def prefix(self, size: int) -> "Code":
        """Return the code with its first `size` features only."""

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Return which features fire on any of the rows."""


@dataclass(frozen=True)
class Dense:
    """A code as a dense tensor, f [*s, n, m]."""

    f: Tensor

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Multiply features by decoder."""
        return self.f @ decoder[..., : self.f.shape[-1], :]

    def prefix(self, size: int) -> "Dense":
        """Return the code with its first `size` features only."""
        return Dense(self.f[..., :size])

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Return which features fire on any of the rows."""
        return (self.f.detach() != 0).any(-2)


@dataclass(frozen=True)
class SparseCode:
    """A code as the list of its w non-zero values, in the order of rows.

    values: [w], with the gradient.  features: [w], numbered through the stack, 0 .. s m.
    rows: [w], numbered through the stack, 0 .. s n.  shape: (*s, n, m).
    by_feature: [w], the order that sorts the list by feature;  rows_by_feature: [w], `rows` in that order;
    starts: [s m], where each feature begins in it. All are needed twice, for the gradients of decoder and encoder.
    """

    values: Float[Tensor, " w"]
    features: Int[Tensor, " w"]
    rows: Int[Tensor, " w"]
    by_feature: Int[Tensor, " w"]
    rows_by_feature: Int[Tensor, " w"]
    starts: Int[Tensor, " sm"]
    shape: tuple[int, ...]

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Multiply features by decoder."""
        *stacked, n, m = self.shape
        flat = decoder.reshape(-1, decoder.shape[-1])
        starts = _starts(self.rows, len(flat) // m * n)
        decoded = F.embedding_bag(self.features, flat.detach(), starts, per_sample_weights=self.values, mode="sum")
        attached: Tensor = _DecoderGradient.apply(decoded, flat, self)
        return attached.view(*stacked, n, -1)

    def prefix(self, size: int) -> "SparseCode":
        """Return the code with its first `size` features only."""
        kept = self.features % self.shape[-1] < size
        return _listed(self.values[kept], self.features[kept], self.rows[kept], self.shape)

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Return which features fire on any of the rows."""
        *stacked, _, m = self.shape
        ends = torch.cat([self.starts[1:], self.starts.new_tensor([len(self.features)])])
        return (ends > self.starts).view(*stacked, m)

    def sum_by_feature(self, weights: Float[Tensor, " w"], table: Float[Tensor, "r d"]) -> Float[Tensor, "sm d"]:
        """Return, for each feature, the sum over its entries of weight times the table's row for the entry's row."""
        is_stacked = len(table) == math.prod(self.shape[:-1])
        rows = self.rows_by_feature if is_stacked else self.rows_by_feature % len(table)
        sorted_weights = weights.index_select(0, self.by_feature)
        return F.embedding_bag(rows, table, self.starts, per_sample_weights=sorted_weights, mode="sum")


def sparse_pays(device: torch.device, k: int, width: int) -> bool:
    """Return whether sparse decoding is faster than dense products: on a CPU, for k up to a twelfth of the width.

    Measured with `benchmarks/training.py sparse`; not measured on a GPU.
    """
    return device.type == "cpu" and 12 * k <= width


def sparse_code(
    z: Float[Tensor, "n d"],
    encoder: Float[Tensor, "*s m d"],
    shift: Float[Tensor, "*s m"],
    select: Callable[[Float[Tensor, "p m"], int], Entries],
    piece: int | None = None,
) -> SparseCode:
    """Select entries among the pre-activations encoder z + shift; they carry the gradients of encoder and shift.

    select: maps rows of one member's pre-activations [p, m], and the member's index, to the entries that fire.
    piece:  rows at once; if None, as many as stay in cache.
    """
    n, m = len(z), encoder.shape[-2]
    # A column of ones makes the shift part of the product, and its gradient part of the encoder's gradient.
    z1 = with_ones(z)
    encoder1 = torch.cat([encoder, shift[..., None]], -1).flatten(0, -2)
    size = min(piece or max(_PIECE // m, 1), n)
    # One buffer for all pieces: fresh memory pages cost as much as the writes to them.
    buffer = z.new_empty(size, m)
    entries = []
    with torch.no_grad():
        for member, own_encoder in enumerate(torch.split(encoder1, m)):
            for start in range(0, n, size):
                part = z1[start : start + size]
                pre = torch.mm(part, own_encoder.T, out=buffer[: len(part)])
                values, rows, features = select(pre, member)
                entries.append((values, rows + (member * n + start), features + member * m))
    values, rows, features = map(torch.cat, zip(*entries, strict=True))
    code = _listed(values, features, rows, (*encoder.shape[:-2], n, m))
    return replace(code, values=_EncoderGradient.apply(code.values, encoder1, z1, code))


def _listed(
    values: Float[Tensor, " w"], features: Int[Tensor, " w"], rows: Int[Tensor, " w"], shape: tuple[int, ...]
) -> SparseCode:
    *stacked, _, m = shape
    in_order, by_feature = features.int().sort()
    starts = _starts(in_order, m * (stacked[0] if stacked else 1))
    return SparseCode(values, features, rows, by_feature, rows.index_select(0, by_feature), starts, shape)


def _starts(sorted_index: Int[Tensor, " w"], count: int) -> Int[Tensor, " c"]:
    """Return where each of 0 .. count begins in a sorted list of such numbers."""
    return torch.searchsorted(sorted_index, torch.arange(count, dtype=sorted_index.dtype, device=sorted_index.device))


class _DecoderGradient(torch.autograd.Function):
    """The identity, which gives the decoder its gradient: for each feature, a sum over its entries."""

    @staticmethod
    def forward(ctx: Any, decoded: Tensor, _decoder: Tensor, code: SparseCode) -> Tensor:
        ctx.code = code
        return decoded.view_as(decoded)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        code: SparseCode = ctx.code
        return gradient, code.sum_by_feature(code.values.detach(), gradient.contiguous()), None


class _EncoderGradient(torch.autograd.Function):
    """The identity, which gives the encoder, with its shift, the gradient of the entries."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, _encoder1: Tensor, z1: Tensor, code: SparseCode) -> Tensor:
        ctx.z1, ctx.code = z1, code
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        code: SparseCode = ctx.code
        return None, code.sum_by_feature(gradient, ctx.z1), None, None
