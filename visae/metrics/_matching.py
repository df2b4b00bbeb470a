"""Match the directions of dictionaries one to one, and measure how stable dictionaries are across runs."""

from collections.abc import Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from visae._support.errors import VisaeError


def match(
    first: Float[Tensor, "a d"], second: Float[Tensor, "b d"], block_size: int = 1
) -> tuple[Int64[Tensor, " p"], Int64[Tensor, " p"], Float64[Tensor, " p"]]:
    """Match directions one to one so that the sum of cosines is largest (Hungarian method).

    Returns the p = min(a, b) pairs as (rows of `first`, ascending; rows of `second`; their cosines), on the CPU. The
    sign matters, lengths do not; a direction of length zero has a cosine of 0 with every direction.

    block_size: number of consecutive, orthogonal rows of `second` that span one subspace. The cosine is then between a
    direction and its projection onto the subspace, and a subspace is matched at most `block_size` times.
    """
    cosines = unit_rows(first) @ unit_rows(second).T
    if block_size > 1:
        cosines = torch.unflatten(cosines, 1, (-1, block_size)).norm(dim=2).repeat_interleave(block_size, 1)
    rows, columns = (torch.from_numpy(index) for index in linear_sum_assignment(cosines.numpy(), maximize=True))
    return rows, columns, cosines[rows, columns]


def stability(dictionaries: Sequence[Float[Tensor, "_ _"]], block_size: int = 1) -> float:
    """Mean cosine between matched directions, averaged over all pairs of dictionaries [m, d], from -1 to 1.

    For a pair, max over permutations P of tr(A^T P B) / m, with unit directions in the rows of A and B: 1 if both runs
    found the same directions in any order (Fel et al. 2025, arXiv 2502.12892, there over 4 runs). The sign matters; a
    direction of length zero has a cosine of 0. The value for random directions depends on m and d.

    block_size: number of consecutive directions that span one subspace (`SAE.block_size`). Subspaces are then matched,
                whatever their bases, by |A B^T| / sqrt(block_size), the Frobenius norm for orthonormal bases A and B:
                the root mean square of the cosines of their principal angles, 1 for the same subspace, 0 for
                orthogonal ones.

    Raises `VisaeError` for fewer than two dictionaries, and for dictionaries of different shapes.
    """
    refuse_other_shapes(dictionaries)
    means = [
        similarities(first, second, block_size)[2].mean().item() for first, second in combinations(dictionaries, 2)
    ]
    return sum(means) / len(means)


def refuse_other_shapes(dictionaries: Sequence[Float[Tensor, "_ _"]]) -> None:
    """Raise `VisaeError` for fewer than two dictionaries, and for dictionaries of different shapes."""
    if len(dictionaries) < 2:
        raise VisaeError(f"stability compares runs: it needs 2 or more dictionaries, but was given {len(dictionaries)}")
    width, dim = dictionaries[0].shape
    for index, directions in enumerate(dictionaries):
        if directions.shape != (width, dim):
            raise VisaeError(
                f"dictionary {index} has {len(directions)} features in {directions.shape[1]} dimensions, dictionary 0 "
                f"has {width} in {dim}; stability compares dictionaries of one shape"
            )


def similarities(
    first: Float[Tensor, "m d"], second: Float[Tensor, "m d"], block_size: int = 1
) -> tuple[Int64[Tensor, " g"], Int64[Tensor, " g"], Float64[Tensor, " g"]]:
    """Match the features of two dictionaries one to one, or their blocks: indices in both, and similarities."""
    if block_size == 1:
        return match(first, second)
    a, b = (torch.unflatten(unit_rows(directions), 0, (-1, block_size)) for directions in (first, second))
    table = torch.linalg.norm(torch.einsum("gpd,hqd->ghpq", a, b), dim=(2, 3)) / block_size**0.5
    rows, columns = (torch.from_numpy(index) for index in linear_sum_assignment(table.numpy(), maximize=True))
    return rows, columns, table[rows, columns]


def unit_rows(directions: Float[Tensor, "n d"]) -> Float64[Tensor, "n d"]:
    """Directions scaled to unit length, in float64 on the CPU; zeros stay zero."""
    return F.normalize(directions.detach().cpu().double(), dim=1)
