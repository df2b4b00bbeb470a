"""Which direction of one set is which of another."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def match(
    one: Float[Tensor, "a d"], other: Float[Tensor, "b d"]
) -> tuple[Int64[Tensor, " p"], Int64[Tensor, " p"], Float64[Tensor, " p"]]:
    """Match directions one to one, with the largest sum of cosines (Hungarian method).

    Gives the p = min(a, b) pairs as (rows of `one`, ascending; rows of `other`; their cosines), on the CPU. The sign
    matters, lengths do not; a direction of length zero has a cosine of 0 with every other.
    """
    unit = [F.normalize(directions.detach().cpu().double(), dim=1) for directions in (one, other)]
    cosines = unit[0] @ unit[1].T
    rows, columns = (torch.from_numpy(found) for found in linear_sum_assignment(cosines.numpy(), maximize=True))
    return rows, columns, cosines[rows, columns]
