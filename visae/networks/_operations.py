"""The operations of InceptionV1 whose definitions differ between its two published forms."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from visae.networks._strided import strided_conv


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's `SAME` padding along one axis, (before, after).

    The output has ceil(size / stride) positions; of the padding that this needs, the odd one goes after:
    total = max((ceil(size / stride) - 1) * stride + kernel - size, 0), before = total // 2.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def same_conv(x: Float[Tensor, "b c h w"], conv: nn.Conv2d) -> Float[Tensor, "b m H W"]:
    """A convolution (built without padding) under TensorFlow's `SAME` padding with zeros."""
    (top, bottom), (left, right) = (
        same_padding(size, kernel, stride)
        for size, kernel, stride in zip(x.shape[2:], conv.kernel_size, conv.stride, strict=True)
    )
    if top == left == bottom == right:
        return strided_conv(x, conv.weight, conv.bias, conv.stride[0], top)
    return strided_conv(F.pad(x, (left, right, top, bottom)), conv.weight, conv.bias, conv.stride[0], 0)


def same_max_pool(x: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c H W"]:
    """3x3 max-pooling under TensorFlow's `SAME` padding, which pads with -inf.

    The padding after is left to ceil mode, whose last window is cut off at the border: the same maximum,
    without a padded copy.
    """
    before = [same_padding(size, 3, stride)[0] for size in x.shape[2:]]
    return F.max_pool2d(x, 3, stride, before, ceil_mode=True)


def caffe_conv(x: Float[Tensor, "b c h w"], conv: nn.Conv2d) -> Float[Tensor, "b m H W"]:
    """A convolution (built without padding) with Caffe's padding in BVLC GoogLeNet, (kernel - 1) / 2 on every side."""
    return strided_conv(x, conv.weight, conv.bias, conv.stride[0], conv.kernel_size[0] // 2)


def caffe_max_pool(x: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c H W"]:
    """3x3 max-pooling of BVLC GoogLeNet: ceil mode, padded by 1 only where the stride is 1."""
    return F.max_pool2d(x, 3, stride, padding=1 if stride == 1 else 0, ceil_mode=True)


class LocalResponseNorm(nn.Module):
    """Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

    y_c = x_c / (k + alpha * sum over |c' - c| <= radius of x_c'^2) ** beta

    Here alpha is *not* divided by the size of the window, as in TensorFlow. The windowed sum is a 1x1 convolution
    with a banded matrix: at these widths it is 3 to 5 times as fast as torch's pooling over channels.
    """

    def __init__(self, channels: int, radius: int, alpha: float, beta: float, k: float):
        super().__init__()
        index = torch.arange(channels)
        near = (index[:, None] - index[None, :]).abs() <= radius
        self.register_buffer("band", (alpha * near.float())[:, :, None, None], persistent=False)
        self.register_buffer("k", torch.full((channels,), k), persistent=False)
        self.beta = beta

    band: Tensor
    k: Tensor

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        # Sums of squares need the range and the precision of the norm's own type, also where the rest is in half.
        with torch.autocast(x.device.type, enabled=False):
            result: Tensor = _Normalised.apply(x.to(self.k), self.band, self.k, self.beta)
        return result


class _Normalised(torch.autograd.Function):
    """y = x s^-beta, s = k + band x^2. Its gradient for x is g s^-beta - 2 beta x band^T (g y / s).

    Written out, because autograd would keep and pass over half a dozen maps more.
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
        # The band is symmetric: neighbours are neighbours both ways.
        spread = F.conv2d((gradient * y).div_(s), ctx.band)
        return (gradient * scale).sub_(spread.mul_(x), alpha=2 * ctx.beta), None, None, None
