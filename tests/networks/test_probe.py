import itertools

import pytest
import torch
from torch import nn

from visae.networks._probe import receptive_range

SIZE = 33


def conv(kernel, stride=1, padding=0, dilation=1):
    return nn.Conv2d(3, 3, kernel, stride, padding, dilation)


# A network, a column of its maps, and the columns of the image that this one depends on.
KNOWN = [
    (nn.Identity(), 0, (0, 0)),
    (nn.Identity(), SIZE - 1, (SIZE - 1, SIZE - 1)),
    (conv(3), 10, (10, 12)),
    (conv(5, padding=2), 10, (8, 12)),
    (conv(5, padding=2), 0, (0, 2)),
    (conv(5, padding=2), SIZE - 1, (SIZE - 3, SIZE - 1)),
    (conv(7, stride=2, padding=3), 8, (13, 19)),
    (conv(3, dilation=4), 6, (6, 14)),
    (nn.Sequential(conv(3, stride=2), nn.ReLU(), conv(3, stride=2)), 4, (16, 22)),
    (nn.Sequential(conv(3, padding=1), nn.MaxPool2d(3, 2)), 5, (9, 13)),
    (nn.AvgPool2d(4), 2, (8, 11)),
    (nn.AdaptiveAvgPool2d(1), 0, (0, SIZE - 1)),
]


@pytest.mark.parametrize(("module", "column", "expected"), KNOWN)
def test_known_networks(module, column, expected):
    assert receptive_range(module.eval(), column, SIZE) == expected


@pytest.mark.parametrize(("first", "last"), [*itertools.combinations_with_replacement([0, 1, 15, 16, 30, 31], 2)])
def test_any_range_is_found(first, last):
    assert receptive_range(lambda images: images[..., first : last + 1].sum(3, keepdim=True), 0, 32) == (first, last)


def test_the_price_is_logarithmic_and_cudnn_is_as_before():
    calls = []
    receptive_range(lambda images: calls.append(images) or images, 100, 1024)
    assert len(calls) == 20
    assert torch.backends.cudnn.enabled
