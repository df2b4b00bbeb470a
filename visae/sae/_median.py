"""The geometric median."""

import torch
from jaxtyping import Float
from torch import Tensor

_ITERATIONS = 100


def geometric_median(rows: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """The point with the least sum of distances to the rows, by Weiszfeld's iteration, in float64."""
    exact = rows.double()
    point = exact.mean(0)
    for _ in range(_ITERATIONS):
        weight = 1 / (exact - point).norm(dim=1).clamp_min(1e-9)
        moved = (weight[:, None] * exact).sum(0) / weight.sum()
        if torch.allclose(moved, point, rtol=1e-9, atol=1e-12):
            break
        point = moved
    return point.to(rows.dtype)
