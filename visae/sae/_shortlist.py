"""Pursuit among the few candidates of each row, whose Gram matrices are small."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae._nonnegative_least_squares import nonnegative_least_squares, solve_free

# What a candidate adds to the span of those selected before it, 1 - |projection|^2, at least.
_MIN_NEW = 1e-4


class Shortlisted(NamedTuple):
    """What a pursuit makes of c candidates a row.

    values: [n, c], 0 for those not selected or refitted to 0.
    gains:  [n, t], by how much each step lowered the squared error; 0 after a row's last step.
    """

    values: Float[Tensor, "n c"]
    gains: Float[Tensor, "n t"]


@torch.no_grad()
def pursue_among(
    matches: Float[Tensor, "n c"], gram: Float[Tensor, "n c c"], most: int, min_gain: float = 0.0
) -> Shortlisted:
    """Select candidates by orthogonal matching pursuit, then fit the selected ones by non-negative least squares.

    The fit is unconstrained during the selection: all that a step needs is one more row of the Cholesky factor.

    matches:  of each candidate's direction with the row.  gram: the cosines of each row's candidates.
    most:     steps, at most; a row ends where a step would gain less than `min_gain`, or no candidate matches.
    """
    n = len(matches)
    selected = torch.zeros_like(matches, dtype=torch.bool)
    gains = matches.new_zeros(n, most)
    rows = torch.arange(n, device=matches.device)
    left, factor = matches, matches.new_empty(n, 0, matches.shape[1])
    for step in range(most):
        best, chosen = left.max(1)
        row, scale = _next_factor_row(factor, gram[rows, chosen], chosen)
        gain = (best * scale).square()
        goes_on = (best > 0) & (scale < _MIN_NEW**-0.5) & (gain > 0) & (gain >= min_gain)
        rows, chosen, row, gain = rows[goes_on], chosen[goes_on], row[goes_on], gain[goes_on]
        if not len(rows):
            break
        selected[rows, chosen], gains[rows, step] = True, gain
        left = left[goes_on] - gain.sqrt()[:, None] * row
        factor = torch.cat([factor[goes_on], row[:, None]], 1)
    return Shortlisted(_fitted(matches, gram, selected), gains)


def _next_factor_row(
    factor: Float[Tensor, "p t c"], cosines: Float[Tensor, "p c"], chosen: Tensor
) -> tuple[Float[Tensor, "p c"], Float[Tensor, " p"]]:
    """Return the match of all candidates with what is new of the chosen one, of unit norm, and 1 / its norm before."""
    own = factor.gather(2, chosen[:, None, None].expand(*factor.shape[:2], 1))
    new = cosines - (own * factor).sum(1)
    scale = new.gather(1, chosen[:, None]).clamp_min(_MIN_NEW).rsqrt()
    return new * scale, scale[:, 0]


def _fitted(
    matches: Float[Tensor, "n c"], gram: Float[Tensor, "n c c"], selected: Bool[Tensor, "n c"]
) -> Float[Tensor, "n c"]:
    """Fit the selected candidates by non-negative least squares."""
    own = torch.where(selected, matches, 0)
    values = solve_free(gram, own, selected)
    negative = (values < 0).any(1).nonzero()[:, 0]
    if len(negative):
        # Candidates not selected match nothing, and stay at 0.
        both = selected[negative, :, None] & selected[negative, None]
        apart = torch.diag_embed((~selected[negative]).to(gram))
        values[negative] = nonnegative_least_squares(torch.where(both, gram[negative], apart), own[negative])
    return values
