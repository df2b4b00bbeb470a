"""The map's layout: similar directions lie together."""

import numpy as np
import torch

from visae.atlas._layout import layout


def test_clusters_stay_together():
    draws = torch.Generator().manual_seed(0)
    centres = torch.eye(20)[:4].repeat_interleave(15, 0)
    points = layout(centres * 3 + 0.05 * torch.randn(60, 20, generator=draws), 0)
    assert points.min() == 0
    assert points.max() == 1
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distance, 9)
    cluster = np.arange(60) // 15
    assert (cluster[distance.argmin(1)] == cluster).all()


def test_same_seed_same_layout():
    directions = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
    assert (layout(directions, 3) == layout(directions, 3)).all()


def test_few_or_equal_directions():
    for directions in (torch.ones(1, 3), torch.eye(3), torch.zeros(12, 4), torch.ones(20, 1)):
        points = layout(directions, 0)
        assert points.shape == (len(directions), 2)
        assert np.isfinite(points).all()
