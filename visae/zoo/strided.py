"""A strided convolution whose gradient for its input is quick on a CPU.

Optimising pictures needs the gradient for the pixels, and the first convolution's is what CPU libraries do worst: 7x7
with a stride of 2 and three input channels ran at a fifth of the speed of the rest. Written over the s x s phases of
the input it is a convolution without stride: s * s times the channels, a kernel of a part of the side. Forward nothing
changes.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input


def strided_conv(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "m c k k"],
    bias: Float[Tensor, " m"] | None,
    stride: int,
    padding: int,
) -> Float[Tensor, "b m H W"]:
    """`F.conv2d`; where only the input's gradient is wanted, on a CPU, it comes by phases."""
    if stride > 1 and x.device.type == "cpu" and x.requires_grad and not weight.requires_grad:
        result: Tensor = _ByPhases.apply(x, weight, bias, stride, padding)
        return result
    return F.conv2d(x, weight, bias, stride, padding)


class _ByPhases(torch.autograd.Function):
    """y[o] = sum over k of w[k] x[s o + k - p]. With k = s i + r this is, for each phase r, a sum over i alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.shape = weight, stride, padding, x.shape
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        s, p, (b, c, h, w) = ctx.stride, ctx.padding, ctx.shape
        short = -ctx.weight.shape[-1] % s
        phases = F.pixel_unshuffle(F.pad(ctx.weight, (0, short, 0, short)), s)
        size = [side + phases.shape[-1] - 1 for side in gradient.shape[2:]]
        of_phases = conv2d_input([b, c * s * s, *size], phases, gradient)  # type: ignore[no-untyped-call]
        padded = F.pixel_shuffle(of_phases, s)
        # What no window reached, at the far border, has no gradient.
        missing = [max(side + p - there, 0) for side, there in zip((h, w), padded.shape[2:], strict=True)]
        whole = F.pad(padded, (0, missing[1], 0, missing[0]))[:, :, p : p + h, p : p + w]
        return whole, None, None, None, None
