"""Which units keep company: those that fire together, and those whose directions are alike."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

_BLOCK = 512  # units compared with all others at a time


@dataclass(frozen=True)
class Neighbour:
    """Another unit, and how alike it is: a cosine."""

    unit: int
    cosine: float


class Coactivation:
    """The values of units at a sample of positions, of which few are not zero."""

    def __init__(self) -> None:
        self._parts: list[sparse.csr_matrix] = []

    def add(self, values: Float[Tensor, "n u"]) -> None:
        """Take some positions into account; values are 0 and above."""
        self._parts.append(sparse.csr_matrix(values.cpu().numpy()))

    def most(self, count: int) -> list[list[Neighbour]]:
        """For each unit those with which it fires most: the cosine of their values, sum f_i f_j / (|f_i| |f_j|)."""
        values = sparse.vstack(self._parts).tocsc().astype(np.float32)
        length = np.sqrt(values.multiply(values).sum(0)).A1
        values = values @ sparse.diags(1 / np.where(length > 0, length, 1))
        width = values.shape[1]
        blocks = (values[:, at : at + _BLOCK] for at in range(0, width, _BLOCK))
        return _nearest((np.asarray((of.T @ values).todense()) for of in blocks), count)


def alike(directions: Float[Tensor, "u d"], count: int) -> list[list[Neighbour]]:
    """For each unit those of which the directions have the largest cosine with its own."""
    unit = torch.nn.functional.normalize(directions.float(), dim=1)
    return _nearest(((of @ unit.T).numpy() for of in torch.split(unit, _BLOCK)), count)


def _nearest(blocks: Iterable[np.ndarray], count: int) -> list[list[Neighbour]]:
    found: list[list[Neighbour]] = []
    for block in blocks:
        for cosines in block:
            cosines[len(found)] = 0.0  # itself
            order = np.argsort(-cosines, kind="stable")[:count]
            found.append([Neighbour(int(unit), float(cosines[unit])) for unit in order if cosines[unit] > 0])
    return found
