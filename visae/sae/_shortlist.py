"""Pursuit among the few candidates of each row, which reads the candidates' cosines and nothing else."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.sae._nonnegative_least_squares import nonnegative_least_squares
from visae.sae._pursuit import MIN_NEW, Pursuit


@torch.no_grad()
def pursue_among(
    candidates: Int64[Tensor, "n c"],
    matches: Float[Tensor, "n c"],
    gram: Float[Tensor, "m m"],
    most: int,
    min_gain: float = 0.0,
) -> Pursuit:
    """Select candidates by orthogonal matching pursuit, then fit the selected ones by non-negative least squares.

    The fit is unconstrained during the selection: all that a step needs is one more row of the Cholesky factor.

    matches:  of each candidate's direction with the row.  gram: the cosines of all features.
    most:     steps, at most; a row ends where a step would gain less than `min_gain`, or no candidate matches.
    """
    n, device = len(matches), matches.device
    order = torch.zeros(n, most, dtype=torch.int64, device=device)
    # R^T R is the Gram matrix of what a row selects, R f = y its least squares; identity and 0 after a row's last step.
    r, y = torch.eye(most).to(matches).repeat(n, 1, 1), matches.new_zeros(n, most)
    rows, left, factor = torch.arange(n, device=device), matches, matches.new_empty(n, 0, matches.shape[1])
    for step in range(most):
        best, chosen = left.max(1)
        features = candidates if len(rows) == n else candidates[rows]
        cosines = gram.take(features * len(gram) + features.gather(1, chosen[:, None]))
        own, new, scale = _next_factor_row(factor, cosines, chosen)
        height = best * scale
        goes_on = (best > 0) & (scale < MIN_NEW**-0.5) & (height > 0) & (height.square() >= min_gain)
        if not goes_on.all():
            rows, chosen, own, new, scale = rows[goes_on], chosen[goes_on], own[goes_on], new[goes_on], scale[goes_on]
            height, left, factor = height[goes_on], left[goes_on], factor[goes_on]
            if not len(rows):
                break
        order[rows, step], y[rows, step] = chosen, height
        r[rows, :step, step], r[rows, step, step] = own, scale.reciprocal()
        left = torch.addcmul(left, height[:, None], new, value=-1)
        factor = torch.cat([factor, new[:, None]], 1)
    # The steps that any row took.
    taken = factor.shape[1] if len(rows) else step
    order, r, y = order[:, :taken], r[:, :taken, :taken], y[:, :taken]
    features = candidates.gather(1, order)
    return Pursuit(features, _fitted(r, y), y.square())


def _next_factor_row(
    factor: Float[Tensor, "p t c"], cosines: Float[Tensor, "p c"], chosen: Int64[Tensor, " p"]
) -> tuple[Float[Tensor, "p t"], Float[Tensor, "p c"], Float[Tensor, " p"]]:
    """Return the chosen one's column of the factor, the factor's new row, and 1 / the norm of what is new of it."""
    own = factor.gather(2, chosen[:, None, None].expand(*factor.shape[:2], 1))
    new = cosines - (own * factor).sum(1)
    scale = new.gather(1, chosen[:, None]).clamp_min(MIN_NEW).rsqrt()
    return own[..., 0], new * scale, scale[:, 0]


def _fitted(r: Float[Tensor, "n t t"], y: Float[Tensor, "n t"]) -> Float[Tensor, "n t"]:
    """Solve R f = y; where a value is negative, by non-negative least squares."""
    f = torch.zeros_like(y)
    for step in reversed(range(y.shape[1])):
        f[:, step] = (y[:, step] - (r[:, step] * f).sum(1)) / r[:, step, step]
    negative = (f < 0).any(1).nonzero()[:, 0]
    if len(negative):
        own = (r[negative].mT @ y[negative, :, None])[..., 0]
        f[negative] = nonnegative_least_squares(r[negative].mT @ r[negative], own)
    return f
