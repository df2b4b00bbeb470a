"""The map: what is alike lies together."""

import numpy as np
import torch

from visae.atlas._layout import places


def test_groups_of_directions_lie_together():
    draws = torch.Generator().manual_seed(0)
    centres = torch.eye(20)[:4].repeat_interleave(15, 0)
    found = places(centres * 3 + 0.05 * torch.randn(60, 20, generator=draws), 0)
    assert found.min() == 0
    assert found.max() == 1
    apart = np.linalg.norm(found[:, None] - found, axis=2)
    np.fill_diagonal(apart, 9)
    group = np.arange(60) // 15
    assert (group[apart.argmin(1)] == group).all()


def test_the_same_seed_gives_the_same_map():
    directions = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
    assert (places(directions, 3) == places(directions, 3)).all()


def test_few_or_equal_directions_have_a_place_too():
    for directions in (torch.ones(1, 3), torch.eye(3), torch.zeros(12, 4), torch.ones(20, 1)):
        found = places(directions, 0)
        assert found.shape == (len(directions), 2)
        assert np.isfinite(found).all()
