import itertools
import math

import numpy as np
import pytest
import torch

from visae import metrics
from visae._support.errors import VisaeError
from visae._support.seeds import generator


def ring(n, dim=2, turned=0.3, mirrored=1):
    """n points in order on a circle around a centre far from zero, in a random plane."""
    angle = mirrored * 2 * math.pi * torch.arange(n, dtype=torch.float64) / n + turned
    basis = torch.linalg.qr(torch.randn(dim, 2, generator=generator(n, "basis"), dtype=torch.float64)).Q
    return torch.stack([angle.cos(), angle.sin()], 1) @ basis.T + 5


def test_plane_of_a_ring_holds_all_variance():
    points, share = metrics.ring_plane(ring(12, 7))
    assert share == pytest.approx(1)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(12).double())
    assert metrics.neighbours_kept(metrics.ring_order(points)) == 1


def test_plane_of_the_largest_components():
    vectors = torch.randn(20, 6, generator=generator(0, "vectors")) * torch.tensor([5.0, 4, 1, 1, 1, 1])
    points, share = metrics.ring_plane(vectors)
    away = vectors.double().numpy() - vectors.double().numpy().mean(0)
    values, axes = np.linalg.eigh(away.T @ away)
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    for column, axis in enumerate((-1, -2)):
        projected = away @ axes[:, axis]
        assert abs(np.dot(projected, points[:, column].numpy())) == pytest.approx(values[axis])


@pytest.mark.parametrize(("turned", "mirrored"), [(0.0, 1), (2.0, 1), (1.0, -1)])
def test_order_up_to_rotation_and_reflection(turned, mirrored):
    points = ring(9, 2, turned, mirrored) - 5
    assert metrics.neighbours_kept(metrics.ring_order(points)) == 1
    even = 40 * torch.arange(9.0)
    assert metrics.rings_alike(metrics.ring_angles(points), even) == pytest.approx(1)


@pytest.mark.parametrize("mirrored", [1, -1])
def test_angles_are_turned_onto_similar_ones(mirrored):
    at = torch.tensor([5.0, 25.0, 90.0, 200.0, 310.0])
    assert metrics.turned_onto((mirrored * at + 77) % 360, at).tolist() == pytest.approx(at.tolist(), abs=1e-4)


def test_neighbours_kept_over_all_orders():
    """All 720 orders of six, against the expectation and the probability of exactness in closed form."""
    kept = [metrics.neighbours_kept(torch.tensor(order)) for order in itertools.permutations(range(6))]
    assert np.mean(kept) == pytest.approx(metrics.neighbours_by_chance(6))
    assert sum(value == 1 for value in kept) / len(kept) == pytest.approx(metrics.order_by_chance(6))
    assert metrics.order_by_chance(12) == pytest.approx(5.01e-8, rel=1e-3)


def test_one_swap_costs_two_neighbours():
    assert metrics.neighbours_kept(torch.tensor([0, 2, 1, 3, 4, 5, 6, 7])) == pytest.approx(6 / 8)


def test_unrelated_angles_are_alike_to_one_over_root_n():
    source = generator(0, "angles")
    even = 3.6 * torch.arange(100.0)
    result = [metrics.rings_alike(360 * torch.rand(100, generator=source), even) for _ in range(200)]
    assert 0.8 < np.mean(result) * math.sqrt(100) < 1.4


def test_harmonics_of_even_angles_are_fourier_powers():
    vectors = torch.randn(12, 5, generator=generator(0, "vectors"))
    power = np.square(np.abs(np.fft.rfft(vectors.double().numpy(), axis=0))).sum(1)
    power[1:6] *= 2
    expected = power[1:] / power[1:].sum()
    result = metrics.ring_harmonics(vectors, 30 * torch.arange(12.0), 6)
    assert result == pytest.approx(expected.tolist())
    assert sum(result) == pytest.approx(1)


def test_harmonics_of_uneven_angles():
    at = 360 * torch.rand(40, generator=generator(0, "at"), dtype=torch.float64)
    angle = torch.deg2rad(3 * at)
    vectors = torch.stack([angle.cos(), angle.sin(), 0 * angle], 1) + 1
    result = metrics.ring_harmonics(vectors, at, 4)
    assert result[2] == pytest.approx(1)
    assert max(result[0], result[1], result[3]) < 0.3


def test_bad_rings():
    with pytest.raises(VisaeError, match=r"ring of 3 items .* at least 4"):
        metrics.neighbours_kept(torch.tensor([0, 1, 2]))
    with pytest.raises(VisaeError, match=r"have 1 dimension; .* 2 or more"):
        metrics.ring_plane(torch.rand(5, 1))
