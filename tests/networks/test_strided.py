"""The quick gradient of strided convolutions: against torch's own, in float64."""

import pytest
import torch
import torch.nn.functional as F

from visae.networks._strided import strided_conv


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("size", [(9, 12), (16, 16), (11, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_and_gradients_are_torchs(stride, kernel, padding, size, channels):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, *size, generator=draw, dtype=torch.float64).requires_grad_()
    weight = torch.randn(4, channels, kernel, kernel, generator=draw, dtype=torch.float64)
    bias = torch.randn(4, generator=draw, dtype=torch.float64)
    found, expected = strided_conv(x, weight, bias, stride, padding), F.conv2d(x, weight, bias, stride, padding)
    assert torch.equal(found, expected)
    towards = torch.randn(expected.shape, generator=draw, dtype=torch.float64)
    one, other = (torch.autograd.grad(y, x, towards)[0] for y in (found, expected))
    assert torch.allclose(one, other, atol=1e-12)


def test_weights_have_their_gradient_where_it_is_wanted():
    x, weight = torch.randn(1, 3, 8, 8).requires_grad_(), torch.randn(4, 3, 3, 3).requires_grad_()
    assert torch.autograd.grad(strided_conv(x, weight, None, 2, 1).sum(), weight)[0].shape == weight.shape
