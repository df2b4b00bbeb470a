"""Which direction of one set is which of another."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def match(
    one: Float[Tensor, "a d"], other: Float[Tensor, "b d"], block: int = 1
) -> tuple[Int64[Tensor, " p"], Int64[Tensor, " p"], Float64[Tensor, " p"]]:
    """Match directions one to one, with the largest sum of cosines (Hungarian method).

    Gives the p = min(a, b) pairs as (rows of `one`, ascending; rows of `other`; their cosines), on the CPU. The sign
    matters, lengths do not; a direction of length zero has a cosine of 0 with every other.

    block: rows of `other` that span a subspace together and are at right angles to each other. The cosine is then that
           between a direction and its projection on the subspace, and a subspace is matched as often as it has rows.
    """
    cosines = _unit(one) @ _unit(other).T
    if block > 1:
        cosines = torch.unflatten(cosines, 1, (-1, block)).norm(dim=2).repeat_interleave(block, 1)
    rows, columns = (torch.from_numpy(found) for found in linear_sum_assignment(cosines.numpy(), maximize=True))
    return rows, columns, cosines[rows, columns]


def match_blocks(one: Float[Tensor, "a d"], other: Float[Tensor, "a d"], block: int) -> Float64[Tensor, " g"]:
    """Match subspaces one to one, with the largest sum of similarities; gives the similarities of the pairs.

    |A B^T| / sqrt(p), the Frobenius norm, for orthonormal bases A and B of p rows: 1 for the same subspace, 0 for two
    at right angles.
    """
    a, b = (torch.unflatten(_unit(of), 0, (-1, block)) for of in (one, other))
    similar = torch.linalg.norm(torch.einsum("gpd,hqd->ghpq", a, b), dim=(2, 3)) / block**0.5
    rows, columns = linear_sum_assignment(similar.numpy(), maximize=True)
    matched: Tensor = similar[rows, columns]
    return matched


def readout(truth: Float[Tensor, "f d"], directions: Float[Tensor, "m d"], block: int = 1) -> Float64[Tensor, "f m"]:
    """How each true direction's value is read from features: as that of its partner; 0 for one without.

    block: as in `match`. What is read is then the part of the subspace along the true direction.
    """
    rows, columns, _ = match(truth, directions, block)
    read = torch.zeros(len(truth), len(directions), dtype=torch.float64)
    if block == 1:
        read[rows, columns] = 1
        return read
    along = _unit(truth) @ _unit(directions).T
    own = torch.zeros_like(read, dtype=torch.bool)
    own[rows, columns] = True
    same_block = torch.unflatten(own, 1, (-1, block)).any(2).repeat_interleave(block, 1)
    return torch.where(same_block, along, 0)


def _unit(directions: Float[Tensor, "n d"]) -> Float64[Tensor, "n d"]:
    return F.normalize(directions.detach().cpu().double(), dim=1)
