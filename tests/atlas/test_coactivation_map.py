"""Neighbours: against all cosines, written out."""

import numpy as np
import torch

from visae.atlas import _coactivation as company
from visae.atlas._coactivation import Coactivation, alike


def expected(vectors: np.ndarray, count: int) -> list[list[int]]:
    cosines = vectors @ vectors.T / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(vectors, axis=1)[:, None] + 1e-30)
    np.fill_diagonal(cosines, -1)
    return [[int(j) for j in np.argsort(-row, kind="stable")[:count] if row[j] > 0] for row in cosines]


def test_those_that_fire_together(monkeypatch):
    monkeypatch.setattr(company, "_BLOCK", 4)
    values = torch.rand(60, 10, generator=torch.Generator().manual_seed(0)).sub(0.6).relu()
    values[:, 3] = 0  # never fires
    values[:, 8] = 2 * values[:, 1]
    together = Coactivation()
    together.add(values[:25])
    together.add(values[25:])
    found = together.most(3)
    assert [[one.unit for one in of] for of in found] == expected(values.double().numpy().T, 3)
    assert found[3] == []
    assert found[1][0].unit == 8
    assert abs(found[1][0].cosine - 1) < 1e-6


def test_those_that_point_the_same_way(monkeypatch):
    monkeypatch.setattr(company, "_BLOCK", 4)
    directions = torch.randn(11, 6, generator=torch.Generator().manual_seed(1))
    directions[5] = 0
    found = alike(directions, 4)
    assert [[one.unit for one in of] for of in found] == expected(directions.double().numpy(), 4)
