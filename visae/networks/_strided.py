"""A strided convolution whose gradient for its input is quick on a CPU.

Optimising pictures needs the gradient for the pixels, and the first convolution's is what CPU libraries do worst: 7x7
with a stride of 2 and three input channels ran at a fifth of the speed of the rest. Written over the s x s phases of
the input it is a convolution without stride: s * s times the channels, a kernel of a part of the side. Where these are
few channels, 2 x 2 neighbours of the output count as channels too: more zeros are multiplied, but what works on several
numbers at once is full. Forward nothing changes.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

_AT_ONCE = 8  # numbers


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
        beside = 2 if c * s * s < _AT_ONCE else 1
        short = [-side % beside for side in gradient.shape[2:]]
        outputs = F.pixel_unshuffle(F.pad(gradient, (0, short[1], 0, short[0])), beside)
        phases = _phases(ctx.weight, s, beside)
        size = [side + phases.shape[-1] - 1 for side in outputs.shape[2:]]
        of_phases = conv2d_input([b, phases.shape[1], *size], phases, outputs)  # type: ignore[no-untyped-call]
        padded = F.pixel_shuffle(of_phases, s * beside)
        # What no window reached, at the far border, has no gradient.
        missing = [max(side + p - there, 0) for side, there in zip((h, w), padded.shape[2:], strict=True)]
        whole = F.pad(padded, (0, missing[1], 0, missing[0]))[:, :, p : p + h, p : p + w]
        return whole, None, None, None, None


def _phases(weight: Float[Tensor, "m c k k"], stride: int, beside: int) -> Float[Tensor, "mbb _ i i"]:
    """Kernels between the phases of `beside` x `beside` neighbouring outputs and those of the input that they read."""
    step = stride * beside
    side = -(-(weight.shape[-1] + step - stride) // step) * step

    def moved(down: int, right: int) -> Tensor:
        top, left = stride * down, stride * right
        rest = side - weight.shape[-1]
        return F.pixel_unshuffle(F.pad(weight, (left, rest - left, top, rest - top)), step)

    kernels = [moved(down, right) for down in range(beside) for right in range(beside)]
    return torch.stack(kernels, 1).flatten(0, 1)
