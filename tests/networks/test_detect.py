"""Evidence and its gradient: against autograd through one position after another."""

import math

import pytest
import torch
from detector_inputs import FEATURES, MARGIN, SIZE, constant_maps, random, random_maps, sparse_maps

from visae.networks.planted._channels import CHANNEL_NAMES, CHANNEL_STRIDE
from visae.networks.planted._detect import STRIDE, evidence
from visae.networks.planted._features import planted_features


def interpolate(values, x, y):
    """The value at a point, between the four around it."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    upper = values[top, left] * (1 - right) + values[top, left + 1] * right
    lower = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def slow_evidence(feature, padded, row, column):
    def read(point):
        x = (STRIDE * column + point.x) / CHANNEL_STRIDE + MARGIN
        y = (STRIDE * row + point.y) / CHANNEL_STRIDE + MARGIN
        return interpolate(padded[CHANNEL_NAMES.index(point.channel)], x, y)

    least = torch.stack([read(point) for point in feature.present]).amin()
    return least - torch.stack([read(point) for point in feature.absent]).amax() if feature.absent else least


def everywhere(shape):
    return random(*shape) - 0.5


def at_one_position(shape):
    upstream = torch.zeros(shape, dtype=torch.float64)
    upstream[..., 1, 2] = random(*shape[:2])
    return upstream


@pytest.mark.slow
@pytest.mark.parametrize("make", [random_maps, sparse_maps, constant_maps])
@pytest.mark.parametrize("upstream", [everywhere, at_one_position])
def test_evidence_and_its_gradient_are_those_of_a_slow_reference(make, upstream):
    fast_input, slow_input = make().requires_grad_(), make().requires_grad_()
    fast = evidence(fast_input, FEATURES, MARGIN, SIZE)
    slow = torch.stack(
        [
            slow_evidence(feature, padded, row, column)
            for padded in slow_input
            for feature in FEATURES
            for row in range(SIZE[0])
            for column in range(SIZE[1])
        ]
    ).view(2, len(FEATURES), *SIZE)
    torch.testing.assert_close(fast, slow)
    weights = upstream(fast.shape)
    fast_gradient = torch.autograd.grad(fast, fast_input, weights)[0]
    slow_gradient = torch.autograd.grad(slow, slow_input, weights)[0]
    assert slow_gradient.count_nonzero() > 50
    torch.testing.assert_close(fast_gradient, slow_gradient)


def test_a_zero_gradient_stays_zero():
    padded = random_maps().requires_grad_()
    result = evidence(padded, FEATURES, MARGIN, SIZE)
    assert torch.autograd.grad(result, padded, torch.zeros_like(result))[0].count_nonzero() == 0


def test_evidence_is_the_same_without_a_gradient():
    with_gradient = evidence(random_maps().requires_grad_(), FEATURES, MARGIN, SIZE)
    assert torch.equal(evidence(random_maps(), FEATURES, MARGIN, SIZE), with_gradient.detach())
    assert with_gradient.requires_grad


def test_the_sampling_radius_is_the_smallest_margin_that_suffices():
    points = [point for feature in planted_features() for point in (*feature.present, *feature.absent)]
    farthest = max(max(abs(point.x), abs(point.y)) for point in points)
    assert CHANNEL_STRIDE * (MARGIN - 1) < farthest <= CHANNEL_STRIDE * MARGIN
