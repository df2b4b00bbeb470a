"""Stability as a distribution: which features other runs find again, beside what chance finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from visae._support.seeds import generator
from visae.metrics._matching import refuse_other_shapes, similarities, stability, unit_rows
from visae.sae._algebra import random_directions

_RANDOM_RUNS = 3


@dataclass(frozen=True, eq=False)
class MatchedCosines:
    """How well every feature of every run is found again in each other run.

    cosines: [s, s - 1, m], of the features of run s with their partners in each other run, in the order of runs. All
             features are matched, one to one, whichever of them are looked at afterwards.
    """

    cosines: Float64[Tensor, "s t m"]

    def mean(self, subset: Bool[Tensor, "s m"] | None = None) -> float:
        """Mean over all features of all runs, which is `stability`, or over some of each run's; NaN if empty."""
        return self._values(subset).mean().item()

    def quantiles(self, levels: Sequence[float], subset: Bool[Tensor, "s m"] | None = None) -> list[float]:
        """Quantiles over all features of all runs, or over some of each run's; NaN if empty."""
        values, wanted = self._values(subset), torch.tensor(levels, dtype=torch.float64)
        return (values.quantile(wanted) if len(values) else torch.full_like(wanted, torch.nan)).tolist()

    def _values(self, subset: Bool[Tensor, "s m"] | None) -> Float64[Tensor, " v"]:
        return self.cosines.flatten() if subset is None else self.cosines.transpose(1, 2)[subset.cpu()].flatten()


def matched_cosines(dictionaries: Sequence[Float[Tensor, "_ _"]], block_size: int = 1) -> MatchedCosines:
    """Match every pair of runs as `stability` does, and keep the cosine of every feature; raises the same errors.

    block_size: consecutive directions that span one subspace; each has the similarity of its subspace.
    """
    refuse_other_shapes(dictionaries)
    runs, blocks = len(dictionaries), len(dictionaries[0]) // block_size
    cosines = torch.zeros(runs, runs - 1, blocks, dtype=torch.float64)
    for i, j in combinations(range(runs), 2):
        rows, columns, values = similarities(dictionaries[i], dictionaries[j], block_size)
        cosines[i, j - 1, rows] = values
        cosines[j, i, columns] = values
    return MatchedCosines(cosines.repeat_interleave(block_size, 2))


def stability_by_chance(width: int, dim: int, block_size: int = 1) -> float:
    """The stability of random directions, drawn uniformly on the sphere: what chance gives at this width and dimension.

    The mean over the pairs of three draws. Directions that cannot be negative agree more than these.
    """
    draws = [random_directions(width, dim, generator(run, "stability by chance")) for run in range(_RANDOM_RUNS)]
    return stability(draws, block_size)


def single_neurons(directions: Float[Tensor, "m d"], least: float = 0.9) -> Bool[Tensor, " m"]:
    """Which features are a neuron over again: the largest |component| of the unit direction is at least `least`."""
    return unit_rows(directions).abs().amax(1) >= least
