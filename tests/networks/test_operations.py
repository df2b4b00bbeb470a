import formulas
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from visae.networks import CAFFE, TENSORFLOW
from visae.networks import _operations as operations
from visae.networks._operations import strided_conv

SIZES = [(8, 8), (9, 9), (8, 9), (9, 8), (10, 7), (3, 4), (2, 1)]


def maps(height, width, channels=3, offset=0.0):
    source = np.random.default_rng([height, width, channels])
    return source.standard_normal((channels, height, width)) + offset


def as_batch(x):
    return torch.from_numpy(x).float()[None]


def check(result, expected, tolerance=1e-6):
    assert result.shape[1:] == expected.shape
    assert np.abs(result[0].numpy() - expected).max() <= tolerance * np.abs(expected).max()


# (size, kernel, stride): (before, after), taken from TensorFlow's own padding.
PADDING = {
    (224, 7, 2): (2, 3),
    (225, 7, 2): (3, 3),
    (112, 3, 2): (0, 1),
    (113, 3, 2): (1, 1),
    (28, 3, 1): (1, 1),
    (28, 5, 1): (2, 2),
    (27, 5, 2): (2, 2),
    (28, 5, 2): (1, 2),
    (28, 1, 1): (0, 0),
    (28, 1, 2): (0, 0),
    (1, 3, 2): (1, 1),
}


@pytest.mark.parametrize(("case", "expected"), PADDING.items())
def test_padding_is_tensorflows(case, expected):
    assert operations.same_padding(*case) == expected


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_padding_is_the_documented_formula_at_every_size(kernel, stride):
    for size in range(1, 40):
        assert operations.same_padding(size, kernel, stride) == formulas.tensorflow_pads(size, kernel, stride)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize(
    ("ours", "formula"),
    [(operations.same_conv, formulas.same_conv), (operations.caffe_conv, formulas.caffe_conv)],
    ids=["tensorflow", "caffe"],
)
@torch.no_grad()
def test_convolutions(ours, formula, kernel, stride, size):
    module = nn.Conv2d(3, 4, kernel, stride)
    x = maps(*size)
    weight, bias = (parameter.double().numpy() for parameter in (module.weight, module.bias))
    check(ours(as_batch(x), module), formula(x, weight, bias, stride))


POOLS = [
    *((operations.same_max_pool, formulas.same_max_pool, size) for size in [*SIZES, (1, 1)]),
    # Caffe has no window if a map is smaller than the stride.
    *((operations.caffe_max_pool, formulas.caffe_max_pool, size) for size in SIZES if min(size) > 1),
]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("offset", [0.0, -100.0])
@pytest.mark.parametrize(("ours", "formula", "size"), POOLS)
def test_max_pooling_also_of_negative_maps(ours, formula, size, offset, stride):
    x = maps(*size, offset=offset)
    check(ours(as_batch(x), stride), formula(x, stride))


# The size of the map, and that of the pooled map according to Caffe's deploy file.
@pytest.mark.parametrize(("size", "expected"), [(112, 56), (113, 56), (114, 57), (56, 28), (57, 28), (28, 14), (14, 7)])
def test_caffes_pooling_truncates_the_last_window(size, expected):
    column = torch.zeros(1, 1, size, 3)
    column[0, 0, -1] = 1
    pooled = operations.caffe_max_pool(column, 2)
    assert pooled.shape == (1, 1, expected, 1)
    assert pooled[0, 0, -1, 0] == 1


# As large as the inputs of InceptionV1's norms, so that the sum of squares matters.
@pytest.mark.parametrize("channels", [4, 64])
@pytest.mark.parametrize(
    ("flavour", "formula"), [(TENSORFLOW, formulas.tensorflow_lrn), (CAFFE, formulas.caffe_lrn)], ids=["tf", "caffe"]
)
def test_local_response_norm(flavour, formula, channels):
    x = 300 * np.abs(maps(5, 7, channels))
    expected = formula(x)
    norm = operations.LocalResponseNorm(channels, **flavour.lrn)
    check(norm(as_batch(x)), expected, 2e-6)
    assert np.abs(expected).max() < 0.7 * np.abs(x).max()


@pytest.mark.parametrize(
    ("flavour", "size", "alpha", "beta", "k"), [(TENSORFLOW, 11, 11e-4, 0.5, 2.0), (CAFFE, 5, 1e-4, 0.75, 1.0)]
)
def test_local_response_norm_equals_torchs(flavour, size, alpha, beta, k):
    x = as_batch(300 * np.abs(maps(5, 7, 20)))
    norm = operations.LocalResponseNorm(20, **flavour.lrn)
    torch.testing.assert_close(norm(x), nn.functional.local_response_norm(x, size, alpha, beta, k))


def test_local_response_norm_has_the_right_gradient_and_keeps_its_input():
    norm = operations.LocalResponseNorm(6, radius=2, alpha=0.1, beta=0.75, k=1.0).double()
    x = torch.from_numpy(maps(2, 3, 6))[None].requires_grad_()
    before = x.detach().clone()
    assert torch.autograd.gradcheck(norm, x)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("radius", "beta", "k"), [(2, 0.75, 1.0), (5, 0.5, 2.0)])
def test_gradient_of_the_norm_is_that_of_its_formula(radius, beta, k):
    norm = operations.LocalResponseNorm(12, radius, 0.03, beta, k).double()
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 12, 3, 4, generator=draw, dtype=torch.float64).requires_grad_()
    near = (torch.arange(12)[:, None] - torch.arange(12)).abs() <= radius
    window = torch.einsum("cd,bdhw->bchw", 0.03 * near.double(), x.square())
    expected = x / (k + window) ** beta
    upstream = torch.randn(x.shape, generator=draw, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(y, x, upstream)[0] for y in (norm(x), expected))
    assert torch.allclose(ours, theirs, atol=1e-8)


def test_norm_keeps_its_precision_under_autocast_to_half():
    norm = operations.LocalResponseNorm(6, 2, 1e-4, 0.75, 1.0)
    x = torch.rand(1, 6, 4, 4, generator=torch.Generator().manual_seed(0)) * 300
    halves = x.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        normalised = norm(halves)
    assert normalised.dtype == torch.float32
    assert torch.equal(normalised, norm(halves.detach().float()))
    assert torch.autograd.grad(normalised.sum(), halves)[0].dtype == torch.bfloat16


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("size", [(9, 12), (16, 16), (11, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_and_gradients_of_strided_convolutions_are_torchs(stride, kernel, padding, size, channels):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, *size, generator=draw, dtype=torch.float64).requires_grad_()
    weight = torch.randn(4, channels, kernel, kernel, generator=draw, dtype=torch.float64)
    bias = torch.randn(4, generator=draw, dtype=torch.float64)
    result, expected = strided_conv(x, weight, bias, stride, padding), F.conv2d(x, weight, bias, stride, padding)
    assert torch.equal(result, expected)
    upstream = torch.randn(expected.shape, generator=draw, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(y, x, upstream)[0] for y in (result, expected))
    assert torch.allclose(ours, theirs, atol=1e-12)


def test_weights_have_a_gradient_if_required():
    x, weight = torch.randn(1, 3, 8, 8).requires_grad_(), torch.randn(4, 3, 3, 3).requires_grad_()
    assert torch.autograd.grad(strided_conv(x, weight, None, 2, 1).sum(), weight)[0].shape == weight.shape
