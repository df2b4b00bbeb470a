"""What detectors read, and its gradient: against autograd through one position after another, in float64."""

import math

import pytest
import torch

from visae.networks.planted._at_position import AtPosition
from visae.networks.planted._channels import GRID, NAMES
from visae.networks.planted._detect import STRIDE, evidence, reach
from visae.networks.planted._features import planted_features

FEATURES = [planted_features()[index] for index in (0, 7, 30, 47, 48, 53, 56, 61, 64, 69)]
MARGIN, SIZE = reach(planted_features()), (3, 4)


def between(values, x, y):
    """Interpolated between the four values about a place."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    upper = values[top, left] * (1 - right) + values[top, left + 1] * right
    lower = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def slow(feature, around, row, column):
    def read(place):
        x, y = ((STRIDE * at + off) / GRID + MARGIN for at, off in ((column, place.x), (row, place.y)))
        return between(around[NAMES.index(place.channel)], x, y)

    least = torch.stack([read(place) for place in feature.present]).amin()
    return least - torch.stack([read(place) for place in feature.absent]).amax() if feature.absent else least


def drawn(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


def maps():
    side = [2 * MARGIN + 2 + STRIDE // GRID * (of - 1) for of in SIZE]
    return drawn(2, len(NAMES), *side)


def silent():
    """Channels that are zero in most places: then many values are the least, and share its gradient."""
    return (maps() - 0.9).relu()


def level():
    return torch.ones_like(maps())


def everywhere(shape):
    return drawn(*shape) - 0.5


def at_one_position(shape):
    towards = torch.zeros(shape, dtype=torch.float64)
    towards[..., 1, 2] = drawn(*shape[:2])
    return towards


@pytest.mark.parametrize("make", [maps, silent, level])
@pytest.mark.parametrize("towards", [everywhere, at_one_position])
def test_evidence_and_its_gradient_are_those_of_one_position_after_another(make, towards):
    quick, plain = make().requires_grad_(), make().requires_grad_()
    found = evidence(quick, FEATURES, MARGIN, SIZE)
    expected = torch.stack(
        [
            torch.stack([slow(feature, image, row, column) for row in range(SIZE[0]) for column in range(SIZE[1])])
            for image in plain
            for feature in FEATURES
        ]
    ).view(2, len(FEATURES), *SIZE)
    torch.testing.assert_close(found, expected)
    of = towards(found.shape)
    one, other = torch.autograd.grad(found, quick, of)[0], torch.autograd.grad(expected, plain, of)[0]
    assert other.count_nonzero() > 50
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("make", [maps, silent, level])
def test_a_glance_at_one_position_and_its_gradient_are_those_of_the_maps(make):
    square = make()[:, :, 2 : 2 * MARGIN + 4, 1 : 2 * MARGIN + 3]
    quick, plain = square.clone().requires_grad_(), square.clone().requires_grad_()
    found, expected = AtPosition(FEATURES, MARGIN).double()(quick), evidence(plain, FEATURES, MARGIN, (1, 1))
    assert found.shape == (2, len(FEATURES), 1, 1)
    torch.testing.assert_close(found, expected)
    of = drawn(*found.shape) - 0.5
    one, other = torch.autograd.grad(found, quick, of)[0], torch.autograd.grad(expected, plain, of)[0]
    assert other.count_nonzero() > 50
    torch.testing.assert_close(one, other)


def test_no_gradient_gives_none():
    around = maps().requires_grad_()
    found = evidence(around, FEATURES, MARGIN, SIZE)
    assert torch.autograd.grad(found, around, torch.zeros_like(found))[0].count_nonzero() == 0


def test_evidence_is_the_same_where_no_gradient_is_wanted():
    with_gradient = evidence(maps().requires_grad_(), FEATURES, MARGIN, SIZE)
    assert torch.equal(evidence(maps(), FEATURES, MARGIN, SIZE), with_gradient.detach())
    assert with_gradient.requires_grad


def test_detectors_read_no_further_than_they_reach():
    """The least margin is enough; with one less, what is read lies beyond the maps."""
    places = [place for feature in planted_features() for place in (*feature.present, *feature.absent)]
    farthest = max(max(abs(place.x), abs(place.y)) for place in places)
    assert GRID * (MARGIN - 1) < farthest <= GRID * MARGIN
