"""Nearest neighbours of units: those that fire at the same positions, and those with similar directions."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

_BLOCK = 512  # units compared with all others at a time


@dataclass(frozen=True)
class Neighbour:
    """Another unit and its cosine similarity, in (0, 1]."""

    unit: int
    cosine: float


class Coactivation:
    """Activations of all units at a sample of positions, kept sparse."""

    def __init__(self) -> None:
        self._parts: list[sparse.csr_matrix] = []

    def add(self, activations: Float[Tensor, "n u"]) -> None:
        """Add the non-negative activations at some positions."""
        self._parts.append(sparse.csr_matrix(activations.cpu().numpy()))

    def neighbours(self, count: int) -> list[list[Neighbour]]:
        """Return the units that fire most with each unit, by sum f_i f_j / (|f_i| |f_j|).

        At most `count` per unit, the most similar first; a unit that never fires has none.
        """
        activations = sparse.vstack(self._parts).tocsc().astype(np.float32)
        norm = np.sqrt(activations.multiply(activations).sum(0)).A1
        activations = activations @ sparse.diags(1 / np.where(norm > 0, norm, 1))
        blocks = (activations[:, first : first + _BLOCK] for first in range(0, activations.shape[1], _BLOCK))
        return _nearest((np.asarray((block.T @ activations).todense()) for block in blocks), count)


def similar_directions(directions: Float[Tensor, "u d"], count: int) -> list[list[Neighbour]]:
    """Return the units whose directions have the largest positive cosine with each unit's, at most `count` of them."""
    unit_vectors = F.normalize(directions.float(), dim=1)
    return _nearest(((block @ unit_vectors.T).numpy() for block in torch.split(unit_vectors, _BLOCK)), count)


def _nearest(blocks: Iterable[np.ndarray], count: int) -> list[list[Neighbour]]:
    """Rank neighbours given the cosine matrix in blocks of rows."""
    neighbours: list[list[Neighbour]] = []
    for block in blocks:
        for cosines in block:
            cosines[len(neighbours)] = 0.0  # the unit itself
            order = np.argsort(-cosines, kind="stable")[:count]
            neighbours.append([Neighbour(int(unit), float(cosines[unit])) for unit in order if cosines[unit] > 0])
    return neighbours
