"""Convolution, pooling and normalisation as the two flavours of InceptionV1 define them, with fast gradients."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

_SIMD_WIDTH = 8  # values that a CPU processes at once


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's `SAME` padding along one axis, (before, after).

    The output has ceil(size / stride) positions. If the padding this needs is odd, the extra px goes after:
    total = max((ceil(size / stride) - 1) * stride + kernel - size, 0), before = total // 2.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def same_conv(x: Float[Tensor, "b c h w"], conv: nn.Conv2d) -> Float[Tensor, "b m H W"]:
    """Apply a convolution (built without padding) under TensorFlow's `SAME` padding with zeros."""
    (top, bottom), (left, right) = (
        same_padding(size, kernel, stride)
        for size, kernel, stride in zip(x.shape[2:], conv.kernel_size, conv.stride, strict=True)
    )
    if top == left == bottom == right:
        return strided_conv(x, conv.weight, conv.bias, conv.stride[0], top)
    return strided_conv(F.pad(x, (left, right, top, bottom)), conv.weight, conv.bias, conv.stride[0], 0)


def same_max_pool(x: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c H W"]:
    """Apply 3x3 max-pooling under TensorFlow's `SAME` padding, which pads with -inf.

    Ceil mode replaces the padding after: it truncates the last window at the border, which gives the same maximum
    without a padded copy.
    """
    before = [same_padding(size, 3, stride)[0] for size in x.shape[2:]]
    return F.max_pool2d(x, 3, stride, before, ceil_mode=True)


def caffe_conv(x: Float[Tensor, "b c h w"], conv: nn.Conv2d) -> Float[Tensor, "b m H W"]:
    """Apply a convolution (built without padding) padded as in BVLC GoogLeNet: (kernel - 1) / 2 on every side."""
    return strided_conv(x, conv.weight, conv.bias, conv.stride[0], conv.kernel_size[0] // 2)


def caffe_max_pool(x: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c H W"]:
    """Apply the 3x3 max-pooling of BVLC GoogLeNet: ceil mode, padded by 1 only if the stride is 1."""
    return F.max_pool2d(x, 3, stride, padding=1 if stride == 1 else 0, ceil_mode=True)


class LocalResponseNorm(nn.Module):
    """Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

    y_c = x_c / (k + alpha * sum over |c' - c| <= radius of x_c'^2) ** beta

    As in TensorFlow, alpha is *not* divided by the size of the window. The windowed sum is a 1x1 convolution with a
    banded matrix: at these widths, 3 to 5 times as fast as torch's pooling over channels.
    """

    band: Tensor
    k: Tensor

    def __init__(self, channels: int, radius: int, alpha: float, beta: float, k: float):
        super().__init__()
        index = torch.arange(channels)
        near = (index[:, None] - index[None, :]).abs() <= radius
        self.register_buffer("band", (alpha * near.float())[:, :, None, None], persistent=False)
        self.register_buffer("k", torch.full((channels,), k), persistent=False)
        self.beta = beta

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        # Sums of squares need the range and precision of the norm's own dtype, even under autocast to half.
        with torch.autocast(x.device.type, enabled=False):
            result: Tensor = _Normalise.apply(x.to(self.k), self.band, self.k, self.beta)
        return result


class _Normalise(torch.autograd.Function):
    """y = x s^-beta, s = k + band x^2. The gradient for x is g s^-beta - 2 beta x band^T (g y / s).

    Written out because autograd would store, and read, half a dozen more maps.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, band: Tensor, k: Tensor, beta: float) -> Tensor:
        s = F.conv2d(x * x, band, k)
        scale = (s.log() if x.requires_grad else s.log_()).mul_(-beta).exp_()
        y = x * scale
        if x.requires_grad:
            ctx.save_for_backward(x, s, scale, y)
            ctx.band, ctx.beta = band, beta
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, s, scale, y = ctx.saved_tensors
        # The band is symmetric, so it is its own transpose.
        spread = F.conv2d((gradient * y).div_(s), ctx.band)
        return (gradient * scale).sub_(spread.mul_(x), alpha=2 * ctx.beta), None, None, None


def strided_conv(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "m c k k"],
    bias: Float[Tensor, " m"] | None,
    stride: int,
    padding: int,
) -> Float[Tensor, "b m H W"]:
    """Apply `F.conv2d`, with a faster gradient for the input on a CPU if the weights need none.

    Feature visualisation needs the gradient for the pixels, and CPU libraries are worst at the first convolution's: 7x7
    with stride 2 and three input channels ran at a fifth of the speed of the rest. See `_PhaseConv`.
    """
    if stride > 1 and x.device.type == "cpu" and x.requires_grad and not weight.requires_grad:
        result: Tensor = _PhaseConv.apply(x, weight, bias, stride, padding)
        return result
    return F.conv2d(x, weight, bias, stride, padding)


class _PhaseConv(torch.autograd.Function):
    """A convolution whose gradient is computed over the s x s phases of its input, each at stride 1.

    y[o] = sum over k of w[k] x[s o + k - p]. With k = s i + r this is, for each phase r, a sum over i only: the input
    has s * s times the channels, the kernel 1 / s the side. If that still leaves few channels, blocks of 2 x 2 outputs
    become channels too: more zeros are multiplied, but SIMD registers are full. The forward pass is `F.conv2d`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.shape = weight, stride, padding, x.shape
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        s, p, (b, c, h, w) = ctx.stride, ctx.padding, ctx.shape
        block = 2 if c * s * s < _SIMD_WIDTH else 1
        surplus = [-side % block for side in gradient.shape[2:]]
        outputs = F.pixel_unshuffle(F.pad(gradient, (0, surplus[1], 0, surplus[0])), block)
        kernels = _phase_kernels(ctx.weight, s, block)
        size = [side + kernels.shape[-1] - 1 for side in outputs.shape[2:]]
        phases = conv2d_input([b, kernels.shape[1], *size], kernels, outputs)  # type: ignore[no-untyped-call]
        padded = F.pixel_shuffle(phases, s * block)
        # Pixels at the far border that no window reaches have gradient zero.
        missing = [max(side + p - reached, 0) for side, reached in zip((h, w), padded.shape[2:], strict=True)]
        result = F.pad(padded, (0, missing[1], 0, missing[0]))[:, :, p : p + h, p : p + w]
        return result, None, None, None, None


def _phase_kernels(weight: Float[Tensor, "m c k k"], stride: int, block: int) -> Float[Tensor, "mbb _ i i"]:
    """Return kernels from the phases of the input to the phases of `block` x `block` neighbouring outputs."""
    step = stride * block
    side = -(-(weight.shape[-1] + step - stride) // step) * step

    def shifted(row: int, column: int) -> Tensor:
        top, left = stride * row, stride * column
        rest = side - weight.shape[-1]
        return F.pixel_unshuffle(F.pad(weight, (left, rest - left, top, rest - top)), step)

    kernels = [shifted(row, column) for row in range(block) for column in range(block)]
    return torch.stack(kernels, 1).flatten(0, 1)
