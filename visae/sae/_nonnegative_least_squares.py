"""Non-negative least squares for many small problems at once, by block principal pivoting."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Iterations in which all infeasible variables change sides; then only the last one does, which ends for certain.
_BLOCK_ITERATIONS = 4
_MAX_ITERATIONS = 64
_TOLERANCE = 1e-5


def nonnegative_least_squares(gram: Float[Tensor, "n k k"], matches: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Return the f >= 0 that minimises f gram f / 2 - matches f, for each of n problems.

    Block principal pivoting (Portugal, Judice & Vicente 1994; Kim & Park 2011): a variable is either free or zero;
    solve for the free ones, and exchange those that turn out negative with zeros whose gradient is negative, until
    there are none. `gram` must be positive definite.
    """
    free = torch.ones_like(matches, dtype=torch.bool)
    # A zero whose gradient is below this would hardly change.
    tolerance = _TOLERANCE * matches.abs().amax(1, keepdim=True)
    for iteration in range(_MAX_ITERATIONS):
        f = solve_free(gram, matches, free)
        slope = matches - (gram @ f[..., None])[..., 0]
        infeasible = torch.where(free, f < 0, slope > tolerance)
        if not infeasible.any():
            break
        free = free ^ (infeasible if iteration < _BLOCK_ITERATIONS else _last(infeasible))
    return f.clamp_min(0)


def solve_free(
    gram: Float[Tensor, "n k k"], matches: Float[Tensor, "n k"], free: Bool[Tensor, "n k"]
) -> Float[Tensor, "n k"]:
    """Return the f that minimises f gram f / 2 - matches f over the free variables; the others are 0."""
    both = free[:, :, None] & free[:, None]
    fixed = torch.diag_embed((~free).to(gram))
    factor = torch.linalg.cholesky_ex(torch.where(both, gram, fixed)).L
    return torch.cholesky_solve(torch.where(free, matches, 0)[..., None], factor)[..., 0]


def _last(infeasible: Bool[Tensor, "n k"]) -> Bool[Tensor, "n k"]:
    """Keep only the last true one of each row."""
    later = infeasible.flip(1).cumsum(1).flip(1)
    return infeasible & (later == 1)
