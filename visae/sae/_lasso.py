"""Non-negative LASSO for whole batches of rows, by FISTA (Beck & Teboulle 2009)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_MAX_ITERATIONS = 1000
_ITERATIONS_PER_CHECK = 10
_TOLERANCE = 1e-6


@torch.no_grad()
def lasso(
    z: Float[Tensor, "n d"], decoder: Float[Tensor, "m d"], l1: float, gram: Float[Tensor, "m m"] | None = None
) -> Float[Tensor, "n m"]:
    """Return the f >= 0 that minimises |z - f decoder|^2 / 2 + l1 |f|_1 for each row.

    Gradient steps of size 1 / L, L the largest eigenvalue of `gram`, each followed by the soft threshold, from a point
    that is extrapolated; ends when no value moves by more than 1e-6 of the largest.
    """
    gram = decoder @ decoder.T if gram is None else gram
    matches = z @ decoder.T - l1
    step = 1 / torch.linalg.matrix_norm(gram, 2)
    f: Tensor = torch.zeros_like(matches)
    ahead = f
    momentum = 1.0
    for iteration in range(_MAX_ITERATIONS):
        new: Tensor = (ahead + step * (matches - ahead @ gram)).relu()
        faster = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / faster * (new - f)
        is_check = iteration % _ITERATIONS_PER_CHECK == 0
        if is_check and (new - f).abs().amax() <= _TOLERANCE * new.amax():
            return new
        f, momentum = new, faster
    return f
