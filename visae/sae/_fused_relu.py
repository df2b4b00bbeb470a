"""The error and the weighted L1 norm of a ReLU autoencoder, with a hand-written backward pass for the CPU.

Automatic differentiation writes every [n, m] intermediate to memory and reads it again: pre-activations, features,
masks, and the gradient of each. Here only the features are kept, and the rest is computed in pieces that stay in cache:
five products per step remain, the minimum for dense training.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae._algebra import linear, squared_error, with_ones

# Elements of a piece [p, m]: small enough to stay in cache between its product and the operations that follow.
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
    """Return the means of |z - f decoder - bias|^2 and f . weight, and which fire; f = ReLU(encoder z + shift)."""
    parameters = (encoder, shift, decoder, bias, weight)
    if z.device.type != "cpu":
        return _unfused(z, *parameters)
    if encoder.ndim == 3:
        error, penalty, fired = _FusedReLU.apply(z, *parameters)
        return error, penalty, fired
    error, penalty, fired = _FusedReLU.apply(z, *(tensor[None] for tensor in parameters))
    return error[0], penalty[0], fired[0]


def _unfused(z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor) -> FusedReLU:
    f = linear(z, encoder, shift).relu()
    total = f.sum(-2, dtype=weight.dtype)
    return squared_error(z, linear(f, decoder.mT, bias)), (total * weight).sum(-1) / len(z), total.detach() > 0


class _FusedReLU(torch.autograd.Function):
    """`_unfused` for a stack, member by member and piece by piece; rows are data and get no gradient.

    Rows get a one appended, and the encoder its shift: the product then adds the shift, and the product for the
    encoder's gradient also yields the shift's. Likewise the decoder gets the penalty per unit of each feature's
    activity.
    """

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, encoder: Tensor, shift: Tensor, decoder: Tensor, bias: Tensor, weight: Tensor
    ) -> FusedReLU:
        z1 = with_ones(z)
        ctx.save_for_backward(z1, decoder, weight)
        encoder1 = torch.cat([encoder, shift[..., None]], -1)
        ctx.kept = [_forward(z1, *member) for member in zip(encoder1, decoder, bias, strict=True)]
        ctx.total = torch.stack([f.T @ z1[:, -1] for f, _ in ctx.kept])
        error = torch.stack([residual.square().sum() for _, residual in ctx.kept]) / len(z)
        fired = ctx.total > 0
        ctx.mark_non_differentiable(fired)
        return error, (ctx.total * weight).sum(1) / len(z), fired

    @staticmethod
    def backward(ctx: Any, error_gradient: Tensor, penalty_gradient: Tensor, _: Tensor) -> Any:
        z1, decoder, weight = ctx.saved_tensors
        price = weight * (penalty_gradient / len(z1))[:, None]
        decoder1 = torch.cat([decoder, price[..., None]], -1)
        scales = 2 / len(z1) * error_gradient
        # One buffer for all pieces: fresh memory pages cost as much as the writes to them.
        buffer = torch.empty_like(ctx.kept[0][0][_pieces(ctx.kept[0][0])[0]])
        per_member = [
            _backward(z1, f, with_ones(scale * residual), decoder1[member], buffer)
            for member, ((f, residual), scale) in enumerate(zip(ctx.kept, scales, strict=True))
        ]
        for_encoder1, for_decoder, for_bias = (torch.stack(tensors) for tensors in zip(*per_member, strict=True))
        for_weight = ctx.total * (penalty_gradient / len(z1))[:, None]
        return None, for_encoder1[..., :-1], for_encoder1[..., -1], for_decoder, for_bias, for_weight


def _forward(z1: Tensor, encoder1: Tensor, decoder: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features [n, m], and the reconstruction minus the rows [n, d]."""
    z = z1[:, :-1]
    f, residual = z.new_empty(len(z), len(encoder1)), bias - z
    for piece in _pieces(f):
        torch.mm(z1[piece], encoder1.T, out=f[piece]).relu_()
        residual[piece].addmm_(f[piece], decoder)
    return f, residual


def _backward(
    z1: Tensor, f: Tensor, gradient1: Tensor, decoder1: Tensor, buffer: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the encoder with its shift, of the decoder, and of the bias.

    gradient1: the reconstruction's gradient, with ones appended.
    """
    gradient = gradient1[:, :-1]
    for_encoder1, for_decoder = torch.zeros_like(decoder1), decoder1.new_zeros(len(decoder1), gradient.shape[1])
    for piece in _pieces(f):
        for_pre = torch.mm(gradient1[piece], decoder1.T, out=buffer[: len(f[piece])])
        # ReLU's backward pass, reading each array once.
        torch.ops.aten.threshold_backward.grad_input(for_pre, f[piece], 0, grad_input=for_pre)
        for_encoder1.addmm_(for_pre.T, z1[piece])
        for_decoder.addmm_(f[piece].T, gradient[piece])
    return for_encoder1, for_decoder, gradient.sum(0)


def _pieces(f: Float[Tensor, "n m"]) -> list[slice]:
    n, m = f.shape
    size = max(_PIECE // m, 1)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
