"""Sparse codes: what decoding costs when only the features that fire are touched.

A sparse code is a list of winners: the value of each, which feature it is, and to which row it belongs. Decoding, the
gradient of the decoder, that of the encoder and that of the values are then sums over the list, and all of them are
`embedding_bag`, which is fast on a CPU. `Dense` has the same interface over dense products, which a GPU is made for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Pre-activations computed at once: a piece that stays in the cache while its winners are chosen.
_PIECE = 1 << 21


@runtime_checkable
class Code(Protocol):
    """Features of n rows, [*s, n, m], in whatever form."""

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Features times decoder."""

    def below(self, size: int) -> "Code":
        """The code with its first `size` features only."""

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Which features fire on any of the rows."""


@dataclass(frozen=True)
class Dense:
    """A code written out, f [*s, n, m]."""

    f: Tensor

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Features times decoder."""
        return self.f @ decoder[..., : self.f.shape[-1], :]

    def below(self, size: int) -> "Dense":
        """The code with its first `size` features only."""
        return Dense(self.f[..., :size])

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Which features fire on any of the rows."""
        return (self.f.detach() != 0).any(-2)


@dataclass(frozen=True)
class Winners:
    """A code as the list of its w values that are not zero, in the order of rows.

    values: [w], with the gradient.  places: [w], the feature, counted through the stack, 0 .. s m.
    rows: [w], the row, counted through the stack, 0 .. s n.  shape: (*s, n, m).
    by_place: [w], the list sorted by `places`;  rows_by_place: [w], `rows` in that order;  starts: [s m], where each
    feature begins in it. They are needed twice, for the gradients of decoder and encoder.
    """

    values: Float[Tensor, " w"]
    places: Int[Tensor, " w"]
    rows: Int[Tensor, " w"]
    by_place: Int[Tensor, " w"]
    rows_by_place: Int[Tensor, " w"]
    starts: Int[Tensor, " sm"]
    shape: tuple[int, ...]

    def decode(self, decoder: Float[Tensor, "*s m d"]) -> Float[Tensor, "*s n d"]:
        """Features times decoder."""
        *stacked, n, m = self.shape
        flat = decoder.reshape(-1, decoder.shape[-1])
        starts = _starts(self.rows, len(flat) // m * n)
        decoded = F.embedding_bag(self.places, flat.detach(), starts, per_sample_weights=self.values, mode="sum")
        attached: Tensor = _DecoderGradient.apply(decoded, flat, self)
        return attached.view(*stacked, n, -1)

    def below(self, size: int) -> "Winners":
        """The code with its first `size` features only."""
        kept = self.places % self.shape[-1] < size
        return _listed(self.values[kept], self.places[kept], self.rows[kept], self.shape)

    def fired(self) -> Bool[Tensor, "*s m"]:
        """Which features fire on any of the rows."""
        *stacked, _, m = self.shape
        found = torch.zeros(*stacked, m, dtype=torch.bool, device=self.places.device)
        found.view(-1)[self.places] = True
        return found

    def summed(self, weights: Float[Tensor, " w"], table: Float[Tensor, "r d"]) -> Float[Tensor, "sm d"]:
        """For each feature, the sum over its winners of weight times the table's entry for their row."""
        rows = self.rows_by_place if len(table) > self.shape[-2] else self.rows_by_place % len(table)
        return F.embedding_bag(rows, table, self.starts, per_sample_weights=weights[self.by_place], mode="sum")


def sparse_pays(device: torch.device, k: int, width: int) -> bool:
    """Whether touching winners only is faster than dense products: on a CPU, where k is a twelfth of the width or less.

    Measured with `benchmarks/training.py sparse`; on a GPU it has not been measured.
    """
    return device.type == "cpu" and 12 * k <= width


def winners(
    z: Float[Tensor, "n d"],
    encoder: Float[Tensor, "*s m d"],
    shift: Float[Tensor, "*s m"],
    choose: Callable[[Float[Tensor, "p m"], int], Int[Tensor, " w"]],
    piece: int | None = None,
) -> Winners:
    """The winners among the pre-activations encoder z + shift, with the gradients of encoder and shift.

    choose: from a piece of one member's pre-activations [p, m], and the member's index, to the positions, counted
            through the p m values and in the order of rows, of those that win.
    piece:  rows at once; as many as stay in the cache, if None.
    """
    n, (m, d) = len(z), encoder.shape[-2:]
    flat_encoder, flat_shift = encoder.reshape(-1, d), shift.reshape(-1)
    size = min(piece or max(_PIECE // m, 1), n)
    # One piece of memory for all: fresh pages cost as much as what is written to them.
    room = z.new_empty(size, m)
    values, places, rows = [], [], []
    with torch.no_grad():
        for member in range(len(flat_shift) // m):
            own = slice(member * m, (member + 1) * m)
            for start in range(0, n, size):
                part = z[start : start + size]
                pre = torch.addmm(flat_shift[own], part, flat_encoder[own].T, out=room[: len(part)])
                won = choose(pre, member)
                values.append(pre.view(-1)[won].to(z.dtype))
                places.append(won % m + member * m)
                rows.append(torch.div(won, m, rounding_mode="floor") + (member * n + start))
    code = _listed(torch.cat(values), torch.cat(places), torch.cat(rows), (*encoder.shape[:-2], n, m))
    return replace(code, values=_EncoderGradient.apply(code.values, flat_encoder, flat_shift, z, code))


def _listed(
    values: Float[Tensor, " w"], places: Int[Tensor, " w"], rows: Int[Tensor, " w"], shape: tuple[int, ...]
) -> Winners:
    *stacked, _, m = shape
    in_order, by_place = places.int().sort()
    starts = _starts(in_order, m * (stacked[0] if stacked else 1))
    return Winners(values, places, rows, by_place, rows[by_place], starts, shape)


def _starts(sorted_index: Int[Tensor, " w"], count: int) -> Int[Tensor, " c"]:
    """Where each of 0 .. count begins in a sorted list of them."""
    return torch.searchsorted(sorted_index, torch.arange(count, dtype=sorted_index.dtype, device=sorted_index.device))


class _DecoderGradient(torch.autograd.Function):
    """The identity, which gives the decoder its gradient: for each feature, a sum over its winners."""

    @staticmethod
    def forward(ctx: Any, decoded: Tensor, _decoder: Tensor, code: Winners) -> Tensor:
        ctx.code = code
        return decoded.view_as(decoded)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        code: Winners = ctx.code
        return gradient, code.summed(code.values.detach(), gradient.contiguous()), None


class _EncoderGradient(torch.autograd.Function):
    """The identity, which gives the encoder and its shift their gradients at the winners."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, encoder: Tensor, _shift: Tensor, z: Tensor, code: Winners) -> Tensor:
        ctx.z, ctx.code, ctx.count = z, code, len(encoder)
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        code: Winners = ctx.code
        of_shift = gradient.new_zeros(ctx.count).index_add_(0, code.places, gradient)
        return None, code.summed(gradient, ctx.z), of_shift, None, None
