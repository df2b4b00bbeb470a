import numpy as np
import pytest
import torch

from visae.tuning.stimuli import STROKE, filled_circles, stroke_circles


def covered(orientation, radius, size, through, inside, fine=8):
    """Ink by brute force: the share of fine x fine points of every pixel that `inside` says are ink."""
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    axis = (np.arange(size)[:, None] + offsets[None, :]).ravel() - through
    angle = np.deg2rad(orientation)
    x, y = axis[None, :] + radius * np.cos(angle), axis[:, None] + radius * np.sin(angle)
    ink = inside(np.hypot(x, y) - radius)
    return 1 - ink.reshape(size, fine, size, fine).mean((1, 3))


CASES = [(0.0, 8.0, 32, 15.5), (90.0, 8.0, 32, 16.0), (215.0, 12.5, 33, 14.25), (301.0, 60.0, 48, 23.0)]


@pytest.mark.parametrize(("orientation", "radius", "size", "through"), CASES)
@pytest.mark.parametrize(
    ("draw", "inside"),
    [(stroke_circles, lambda d: np.abs(d) <= STROKE / 2), (filled_circles, lambda d: d <= 0)],
)
def test_pixels_are_the_share_that_is_not_ink(draw, inside, orientation, radius, size, through):
    image = draw(torch.tensor([orientation]), torch.tensor([radius]), size, through)
    assert image.shape == (1, 3, size, size)
    assert torch.equal(image[:, 0], image[:, 1])
    slow = covered(orientation, radius, size, through, inside)
    # A straight edge through a pixel's corner region: distance-based coverage is exact to about a tenth.
    assert np.abs(image[0, 0].numpy() - slow).max() < 0.13
    assert np.abs(image[0, 0].numpy() - slow).mean() < 0.005


@pytest.mark.parametrize("orientation", [0.0, 45.0, 120.0, 200.0, 333.0])
def test_rim_passes_through_the_point_and_the_disc_lies_opposite_the_orientation(orientation):
    size, through, radius = 65, 32.0, 12.0
    stroke = stroke_circles(torch.tensor([orientation]), torch.tensor([radius]), size, through)[0, 0]
    disc = filled_circles(torch.tensor([orientation]), torch.tensor([radius]), size, through)[0, 0]
    assert stroke[32, 32] < 0.05
    assert disc[32, 32] == pytest.approx(0.5, abs=0.05)
    step = torch.tensor([np.cos(np.deg2rad(orientation)), np.sin(np.deg2rad(orientation))]) * 6
    outward = (32 + step).round().int().tolist()
    inward = (32 - step).round().int().tolist()
    assert disc[outward[1], outward[0]] == 1
    assert disc[inward[1], inward[0]] == 0


def test_many_at_once_equal_one_at_a_time():
    orientation, radius = torch.tensor([0.0, 77.0, 200.0]), torch.tensor([5.0, 9.0, 30.0])
    together = stroke_circles(orientation, radius, 24, 11.5)
    alone = [stroke_circles(o[None], r[None], 24, 11.5) for o, r in zip(orientation, radius, strict=True)]
    assert torch.equal(together, torch.cat(alone))
