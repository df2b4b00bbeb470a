"""Neighbours of units against all cosines."""

import numpy as np
import torch

from visae.atlas import _coactivation
from visae.atlas._coactivation import Coactivation, similar_directions


def nearest(vectors: np.ndarray, count: int) -> list[list[int]]:
    norm = np.linalg.norm(vectors, axis=1)
    cosines = vectors @ vectors.T / (norm * norm[:, None] + 1e-30)
    np.fill_diagonal(cosines, -1)
    return [[int(j) for j in np.argsort(-row, kind="stable")[:count] if row[j] > 0] for row in cosines]


def indices(neighbours):
    return [[neighbour.unit for neighbour in row] for row in neighbours]


def test_coactive_units(monkeypatch):
    monkeypatch.setattr(_coactivation, "_BLOCK", 4)
    activations = torch.rand(60, 10, generator=torch.Generator().manual_seed(0)).sub(0.6).relu()
    activations[:, 3] = 0  # never fires
    activations[:, 8] = 2 * activations[:, 1]
    coactivation = Coactivation()
    coactivation.add(activations[:25])
    coactivation.add(activations[25:])
    neighbours = coactivation.neighbours(3)
    assert indices(neighbours) == nearest(activations.double().numpy().T, 3)
    assert neighbours[3] == []
    assert neighbours[1][0].unit == 8
    assert abs(neighbours[1][0].cosine - 1) < 1e-6


def test_similar_directions(monkeypatch):
    monkeypatch.setattr(_coactivation, "_BLOCK", 4)
    directions = torch.randn(11, 6, generator=torch.Generator().manual_seed(1))
    directions[5] = 0
    assert indices(similar_directions(directions, 4)) == nearest(directions.double().numpy(), 4)
