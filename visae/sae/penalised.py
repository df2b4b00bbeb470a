"""The error and the weighted L1 norm of a ReLU autoencoder, with a backward pass written by hand for the CPU.

Automatic differentiation writes every intermediate of [n, m] to memory and reads it again: pre-activations, features,
masks, and the gradient of each. Here the features alone are kept, and everything else is done in pieces that stay in
the cache: five products per step remain, which is the floor of dense training.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae.algebra import linear, squared_error

# Values of [p, m] at once: a piece that stays in the cache between its product and what follows.
_PIECE = 1 << 20

Penalised = tuple[Float[Tensor, "*s"], Float[Tensor, "*s"], Bool[Tensor, "*s m"]]


def penalised(
    z: Float[Tensor, "n d"],
    encoder: Float[Tensor, "*s m d"],
    shift: Float[Tensor, "*s m"],
    decoder: Float[Tensor, "*s m d"],
    bias: Float[Tensor, "*s d"],
    weight: Float[Tensor, "*s m"],
) -> Penalised:
    """Means over rows of |z - f decoder - bias|^2 and f . weight, and what fires, with f = ReLU(encoder z + shift)."""
    own = (encoder, shift, decoder, bias, weight)
    if z.device.type != "cpu":
        return _plain(z, *own)
    if encoder.ndim == 3:
        error, penalty, fired = _Penalised.apply(z, *own)
        return error, penalty, fired
    error, penalty, fired = _Penalised.apply(z, *(tensor[None] for tensor in own))
    return error[0], penalty[0], fired[0]


def _plain(z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor) -> Penalised:
    f = linear(z, encoder, shift).relu()
    penalty = (f * weight[..., None, :]).sum(-1).mean(-1)
    return squared_error(z, linear(f, decoder.mT, bias)), penalty, (f.detach() > 0).any(-2)


class _Penalised(torch.autograd.Function):
    """`_plain` for a stack, member by member and piece by piece; rows are data and get no gradient."""

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor
    ) -> Penalised:
        ctx.save_for_backward(z, decoder, weight)
        ctx.kept = [_forward(z, *of_member) for of_member in zip(encoder, shift, decoder, bias, strict=True)]
        total = torch.stack([_summed(f) for f, _ in ctx.kept])
        ctx.total = total
        error = torch.stack([left.square().sum() for _, left in ctx.kept]) / len(z)
        fired = total > 0
        ctx.mark_non_differentiable(fired)
        return error, (total * weight).sum(1) / len(z), fired

    @staticmethod
    def backward(ctx: Any, of_error: Tensor, of_penalty: Tensor, _: Tensor) -> Any:
        z, decoder, weight = ctx.saved_tensors
        price = weight * (of_penalty / len(z))[:, None]
        of_guess = 2 / len(z) * of_error
        per_member = [
            _backward(z, f, scale * left, decoder[member], price[member])
            for member, ((f, left), scale) in enumerate(zip(ctx.kept, of_guess, strict=True))
        ]
        of_encoder, of_shift, of_decoder, of_bias = (torch.stack(of) for of in zip(*per_member, strict=True))
        return None, of_encoder, of_shift, of_decoder, of_bias, ctx.total * (of_penalty / len(z))[:, None]


def _forward(z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Features [n, m], and reconstruction less rows [n, d]."""
    f, left = z.new_empty(len(z), len(encoder)), torch.empty_like(z)
    for part in _parts(f):
        torch.mm(z[part], encoder.T, out=f[part]).add_(shift).relu_()
        torch.mm(f[part], decoder, out=left[part]).add_(bias).sub_(z[part])
    return f, left


def _backward(z: Tensor, f: Tensor, of_guess: Tensor, decoder: Tensor, price: Tensor) -> tuple[Tensor, ...]:
    """Gradients of encoder, shift, decoder and bias, from that of the guess and each feature's price."""
    of_encoder, of_decoder, of_shift = torch.zeros_like(decoder), torch.zeros_like(decoder), torch.zeros_like(price)
    for part in _parts(f):
        of_decoder.addmm_(f[part].T, of_guess[part])
        of_f = torch.mm(of_guess[part], decoder.T).add_(price)
        # The backward pass of ReLU, in one reading of each.
        of_pre = torch.ops.aten.threshold_backward(of_f, f[part], 0)
        of_encoder.addmm_(of_pre.T, z[part])
        of_shift += _summed(of_pre)
    return of_encoder, of_shift, of_decoder, of_guess.sum(0)


def _summed(f: Float[Tensor, "n m"]) -> Float[Tensor, " m"]:
    """Sum over rows, as a product: twice as fast as `sum`."""
    return f.T @ f.new_ones(len(f))


def _parts(f: Float[Tensor, "n m"]) -> list[slice]:
    n, m = f.shape
    size = max(_PIECE // m, 1)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
