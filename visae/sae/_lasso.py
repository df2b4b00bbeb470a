"""Non-negative LASSO for whole batches of rows, by FISTA (Beck & Teboulle 2009)."""

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae._pursuit import rows_per_piece

_MAX_ITERATIONS = 1000
_ITERATIONS_PER_CHECK = 10
_TOLERANCE = 1e-6


@torch.no_grad()
def lasso(
    z: Float[Tensor, "n d"], decoder: Float[Tensor, "m d"], l1: float, gram: Float[Tensor, "m m"] | None = None
) -> Float[Tensor, "n m"]:
    """Return the f >= 0 that minimises |z - f decoder|^2 / 2 + l1 |f|_1 for each row.

    Gradient steps of size 1 / L, L the largest eigenvalue of `gram`, each followed by the soft threshold, from a point
    that is extrapolated; a row starts to extrapolate anew where it moves against its gradient (O'Donoghue & Candes
    2015), and ends when no value moves by more than 1e-6 of its largest.
    """
    gram = decoder @ decoder.T if gram is None else gram
    step = 1 / torch.linalg.eigvalsh(gram)[-1]
    parts = torch.split(z, rows_per_piece(len(decoder), z.device))
    return torch.cat([_lasso_piece(part @ decoder.T - l1, gram, step) for part in parts])


def _lasso_piece(
    matches: Float[Tensor, "n m"], gram: Float[Tensor, "m m"], step: Float[Tensor, ""]
) -> Float[Tensor, "n m"]:
    solved: Tensor = torch.zeros_like(matches)
    rows = torch.arange(len(matches), device=matches.device)
    f, ahead, momentum = solved, solved, matches.new_ones(len(matches), 1)
    for iteration in range(_MAX_ITERATIONS):
        new: Tensor = (ahead + step * (matches - ahead @ gram)).relu()
        moved = new - f
        momentum = torch.where(((ahead - new) * moved).sum(1, keepdim=True) > 0, 1.0, momentum)
        faster = (1 + (1 + 4 * momentum.square()).sqrt()) / 2
        ahead, f, momentum = new + (momentum - 1) / faster * moved, new, faster
        if iteration % _ITERATIONS_PER_CHECK:
            continue
        # Written so that NaN, which compares as false, ends a row.
        goes_on = moved.abs().amax(1) > _TOLERANCE * new.amax(1)
        solved[rows] = f
        if not goes_on.any():
            return solved
        rows, matches, f, ahead, momentum = (each[goes_on] for each in (rows, matches, f, ahead, momentum))
    solved[rows] = f
    return solved
