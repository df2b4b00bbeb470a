"""The error and the weighted L1 norm of a ReLU autoencoder, with a backward pass written by hand for the CPU.

Automatic differentiation writes every intermediate of [n, m] to memory and reads it again: pre-activations, features,
masks, and the gradient of each. Here the features alone are kept, and everything else is done in pieces that stay in
the cache: five products per step remain, which is the floor of dense training.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae._algebra import linear, squared_error, with_ones

# Values of [p, m] at once: a piece that stays in the cache between its product and what follows.
_PIECE = 1 << 21

FusedReLU = tuple[Float[Tensor, "*s"], Float[Tensor, "*s"], Bool[Tensor, "*s m"]]


def fused_relu(
    z: Float[Tensor, "n d"],
    encoder: Float[Tensor, "*s m d"],
    shift: Float[Tensor, "*s m"],
    decoder: Float[Tensor, "*s m d"],
    bias: Float[Tensor, "*s d"],
    weight: Float[Tensor, "*s m"],
) -> FusedReLU:
    """Means over rows of |z - f decoder - bias|^2 and f . weight, and what fires, with f = ReLU(encoder z + shift)."""
    own = (encoder, shift, decoder, bias, weight)
    if z.device.type != "cpu":
        return _plain(z, *own)
    if encoder.ndim == 3:
        error, penalty, fired = _FusedReLU.apply(z, *own)
        return error, penalty, fired
    error, penalty, fired = _FusedReLU.apply(z, *(tensor[None] for tensor in own))
    return error[0], penalty[0], fired[0]


def _plain(z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor) -> FusedReLU:
    f = linear(z, encoder, shift).relu()
    total = f.sum(-2, dtype=weight.dtype)
    return squared_error(z, linear(f, decoder.mT, bias)), (total * weight).sum(-1) / len(z), total.detach() > 0


class _FusedReLU(torch.autograd.Function):
    """`_plain` for a stack, member by member and piece by piece; rows are data and get no gradient.

    Rows have a one appended, and the encoder its shift: the product then adds the shift, and the product that gives the
    encoder its gradient sums that of the shift. So does the decoder carry the price of each feature's activity.
    """

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor
    ) -> FusedReLU:
        z1 = with_ones(z)
        ctx.save_for_backward(z1, decoder, weight)
        encoder1 = torch.cat([encoder, shift[..., None]], -1)
        ctx.kept = [_forward(z1, *of_member) for of_member in zip(encoder1, decoder, bias, strict=True)]
        ctx.total = torch.stack([f.T @ z1[:, -1] for f, _ in ctx.kept])
        error = torch.stack([left.square().sum() for _, left in ctx.kept]) / len(z)
        fired = ctx.total > 0
        ctx.mark_non_differentiable(fired)
        return error, (ctx.total * weight).sum(1) / len(z), fired

    @staticmethod
    def backward(ctx: Any, of_error: Tensor, of_penalty: Tensor, _: Tensor) -> Any:
        z1, decoder, weight = ctx.saved_tensors
        price = weight * (of_penalty / len(z1))[:, None]
        decoder1 = torch.cat([decoder, price[..., None]], -1)
        of_guess = 2 / len(z1) * of_error
        # One piece of memory for all: fresh pages cost as much as what is written to them.
        room = torch.empty_like(ctx.kept[0][0][_parts(ctx.kept[0][0])[0]])
        per_member = [
            _backward(z1, f, with_ones(scale * left), decoder1[member], room)
            for member, ((f, left), scale) in enumerate(zip(ctx.kept, of_guess, strict=True))
        ]
        of_encoder1, of_decoder, of_bias = (torch.stack(of) for of in zip(*per_member, strict=True))
        of_weight = ctx.total * (of_penalty / len(z1))[:, None]
        return None, of_encoder1[..., :-1], of_encoder1[..., -1], of_decoder, of_bias, of_weight


def _forward(z1: Tensor, encoder1: Tensor, decoder: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Features [n, m], and reconstruction less rows [n, d]."""
    z = z1[:, :-1]
    f, left = z.new_empty(len(z), len(encoder1)), bias - z
    for part in _parts(f):
        torch.mm(z1[part], encoder1.T, out=f[part]).relu_()
        left[part].addmm_(f[part], decoder)
    return f, left


def _backward(
    z1: Tensor, f: Tensor, of_guess1: Tensor, decoder1: Tensor, room: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the encoder with its shift, of the decoder, and of the bias."""
    of_guess = of_guess1[:, :-1]
    of_encoder1, of_decoder = torch.zeros_like(decoder1), decoder1.new_zeros(len(decoder1), of_guess.shape[1])
    for part in _parts(f):
        of_pre = torch.mm(of_guess1[part], decoder1.T, out=room[: len(f[part])])
        # The backward pass of ReLU, in one reading of each.
        torch.ops.aten.threshold_backward.grad_input(of_pre, f[part], 0, grad_input=of_pre)
        of_encoder1.addmm_(of_pre.T, z1[part])
        of_decoder.addmm_(f[part].T, of_guess[part])
    return of_encoder1, of_decoder, of_guess.sum(0)


def _parts(f: Float[Tensor, "n m"]) -> list[slice]:
    n, m = f.shape
    size = max(_PIECE // m, 1)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
