"""What detectors read, and its quick gradient: against one position after another, in float64."""

import math

import torch

from visae.zoo.channels import GRID, NAMES
from visae.zoo.detectors import planted_features
from visae.zoo.reading import Reading, strongest_of

MARGIN, STEP, SIZE = 15, 2, (3, 4)
FEATURES = [planted_features()[index] for index in (0, 7, 30, 47, 48, 53, 56, 61, 64, 69)]


def between(values, x, y):
    """Interpolated between the four values about a place."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    upper = values[top, left] * (1 - right) + values[top, left + 1] * right
    lower = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def slow(feature, around, row, column):
    def read(place):
        x, y = STEP * column + place.x / GRID + MARGIN, STEP * row + place.y / GRID + MARGIN
        return between(around[NAMES.index(place.channel)], x, y)

    least = torch.stack([read(place) for place in feature.present]).min()
    return least - torch.stack([read(place) for place in feature.absent]).max() if feature.absent else least


def maps():
    side = [2 * MARGIN + 1 + STEP * (of - 1) + 1 for of in SIZE]
    draw = torch.Generator().manual_seed(0)
    return torch.rand(2, len(NAMES), *side, generator=draw, dtype=torch.float64)


def test_evidence_and_its_gradient_are_those_of_one_position_after_another():
    quick, plain = maps().requires_grad_(), maps().requires_grad_()
    found = Reading(FEATURES, MARGIN, STEP).evidence(quick, SIZE)
    expected = torch.stack(
        [
            torch.stack([slow(feature, image, row, column) for row in range(SIZE[0]) for column in range(SIZE[1])])
            for image in plain
            for feature in FEATURES
        ]
    ).view(2, len(FEATURES), *SIZE)
    torch.testing.assert_close(found, expected)
    towards = torch.randn(found.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    one, other = torch.autograd.grad(found, quick, towards)[0], torch.autograd.grad(expected, plain, towards)[0]
    assert other.count_nonzero() > 100
    torch.testing.assert_close(one, other)


def test_evidence_is_the_same_without_a_gradient():
    reading = Reading(FEATURES, MARGIN, STEP)
    with_gradient = reading.evidence(maps().requires_grad_(), SIZE).detach()
    torch.testing.assert_close(reading.evidence(maps(), SIZE), with_gradient)


def test_features_without_a_surround_are_read_too():
    found = Reading(FEATURES[:3], MARGIN, STEP).evidence(maps().requires_grad_(), SIZE)
    torch.testing.assert_close(found.detach(), Reading(FEATURES, MARGIN, STEP).evidence(maps(), SIZE)[:, :3])


def test_the_strongest_rival_and_its_gradient():
    values = torch.tensor([[3.0, 1.0, 2.0, 5.0]]).view(1, 4, 1, 1)
    rivals = {0: torch.tensor([1, 2]), 2: torch.tensor([0, 1])}
    expected = torch.tensor([[2.0, 0.0, 3.0, 0.0]]).view(1, 4, 1, 1)
    assert torch.equal(strongest_of(values, rivals), expected)
    moving = values.clone().requires_grad_()
    found = strongest_of(moving, rivals)
    assert torch.equal(found.detach(), expected)
    weights = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 4, 1, 1)
    (gradient,) = torch.autograd.grad(found, moving, weights)
    assert gradient.flatten().tolist() == [30.0, 0.0, 10.0, 0.0]
