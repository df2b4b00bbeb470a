"""Orthogonal matching pursuit over whole batches of rows: features are selected one by one and refitted together.

The correlations of all features with a row's residual follow from those with the row and from the features' Gram matrix
(Rubinstein, Zibulevsky & Elad 2008, "Efficient implementation of the K-SVD algorithm using batch orthogonal matching
pursuit"), so a step reads the Gram rows of the selected features and never the data.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from visae.sae._nonnegative_least_squares import nonnegative_least_squares, solve_free
from visae.sae._topk_select import argmax_rows

# Correlations computed at once: what stays in a CPU's cache through all steps, and what keeps a GPU busy.
_PIECE = {"cpu": 1 << 20, "cuda": 1 << 26}
# What a feature adds to the span of those selected before it, 1 - |projection|^2, at least.
MIN_NEW = 1e-4


class Pursuit(NamedTuple):
    """The codes of n rows in the order of selection, with room for k features each.

    features: [n, k], the features selected;  values: [n, k], 0 for those not selected or refitted to 0.
    gains:    [n, k], by how much each step lowered the squared error; 0 after a row's last step.
    """

    features: Int64[Tensor, "n k"]
    values: Float[Tensor, "n k"]
    gains: Float[Tensor, "n k"]

    def dense(self, width: int) -> Float[Tensor, "n m"]:
        """Return the values of all features, 0 for those that were not selected."""
        return self.values.new_zeros(len(self.values), width).scatter_add(1, self.features, self.values)


@torch.no_grad()
def pursue(
    z: Float[Tensor, "n d"],
    decoder: Float[Tensor, "m d"],
    k: int,
    min_gain: float = 0.0,
    gram: Float[Tensor, "m m"] | None = None,
    positive: bool = True,
) -> Pursuit:
    """Encode rows by orthogonal matching pursuit (Pati et al. 1993), whose values cannot be negative by default.

    Starting from nothing, the feature whose direction best matches the residual is added, and the values of all that
    were selected are refitted by least squares; at most k times, and until a step would lower the squared error by less
    than `min_gain`, or no feature matches the residual.

    decoder:  unit directions.  gram: decoder decoder^T, if it is known.
    positive: whether the fit is by non-negative least squares (Bruckstein, Elad & Zibulevsky 2008); else values have
              signs, and features are selected by the magnitude of their match.
    """
    gram = decoder @ decoder.T if gram is None else gram
    parts = torch.split(z, rows_per_piece(len(decoder), z.device))
    pieces = [_pursue_piece(part @ decoder.T, gram, k, min_gain, positive) for part in parts]
    return Pursuit(*(torch.cat(parts) for parts in zip(*pieces, strict=True)))


def rows_per_piece(width: int, device: torch.device) -> int:
    """Return how many rows to code at once over so many features."""
    return max(_PIECE.get(device.type, _PIECE["cpu"]) // width, 1)


def listed(f: Float[Tensor, "n m"]) -> Pursuit:
    """Return dense features as lists, with room for the most that fire on a row."""
    most = int((f != 0).sum(1).amax()) if len(f) else 0
    values, features = f.topk(max(most, 1), dim=1)
    return Pursuit(features, values, torch.zeros_like(values))


def gain_threshold(gains: Float[Tensor, "n k"], count: float) -> float:
    """Return the `min_gain` with which a pursuit takes `count` steps a row on average; 0 if it takes fewer anyway.

    gains:  what each step gained in a pursuit without a threshold, which a row leaves at its first gain below it.
    """
    until = gains.cummin(1).values.flatten()
    steps = round(count * len(gains))
    return until.kthvalue(len(until) - steps + 1).values.item() if 0 < steps < len(until) else 0.0


def _pursue_piece(
    matches: Float[Tensor, "n m"], gram: Float[Tensor, "m m"], k: int, min_gain: float, positive: bool
) -> Pursuit:
    """Pursue rows, given how well each feature matches them, decoder z."""
    (n, width), device = matches.shape, matches.device
    all_features = torch.zeros(n, k, dtype=torch.int64, device=device)
    all_values, gains = matches.new_zeros(n, k), matches.new_zeros(n, k)
    # The rows that go on, and what they have: features selected [p, t], the inverse Cholesky factor of those features'
    # Gram matrix [p, t, t], and by how much the squared error was lowered [p].
    rows = torch.arange(n, device=device)
    features, inverse, lowered = rows.new_empty(n, 0), matches.new_empty(n, 0, 0), matches.new_zeros(n)
    left = matches
    for step in range(k):
        best, chosen = argmax_rows(left if positive else left.abs())
        inverse, is_new = _with_row(inverse, gram.take(features * width + chosen[:, None]))
        features = torch.cat([features, chosen[:, None]], 1)
        own = matches.take(rows[:, None] * width + features)
        values = (inverse.mT @ (inverse @ own[..., None]))[..., 0]
        if positive:
            values = _without_negatives(values, own, features, gram)
        explained = (values * own).sum(1)
        gain = explained - lowered
        goes_on = (best > 0) & is_new & (gain > 0) & (gain >= min_gain)
        if not goes_on.all():
            rows, features, inverse = rows[goes_on], features[goes_on], inverse[goes_on]
            values, explained, gain = values[goes_on], explained[goes_on], gain[goes_on]
            if not len(rows):
                break
        all_features[rows, step], gains[rows, step] = features[:, step], gain
        all_values[rows, : step + 1] = values
        lowered = explained
        if step + 1 < k:
            spread = F.embedding_bag(features, gram, per_sample_weights=values, mode="sum")
            left = torch.sub(matches if len(rows) == n else matches.index_select(0, rows), spread, out=spread)
    return Pursuit(all_features, all_values, gains)


def _with_row(inverse: Float[Tensor, "p t t"], cosines: Float[Tensor, "p t"]) -> tuple[Float[Tensor, "p u u"], Tensor]:
    """Extend the inverse Cholesky factor by a feature with these cosines to the others; and whether it adds to them.

    With L L^T the Gram matrix, the new row of L is (w, l), w = L^-1 cosines and l^2 = 1 - |w|^2; that of L^-1 is
    (-w L^-1, 1) / l.
    """
    p, t = cosines.shape
    w = (inverse @ cosines[..., None])[..., 0]
    new = 1 - w.square().sum(1)
    scale = new.clamp_min(MIN_NEW).rsqrt()[:, None]
    extended = inverse.new_zeros(p, t + 1, t + 1)
    extended[:, :t, :t] = inverse
    extended[:, t, :t] = -(w[:, None] @ inverse)[:, 0] * scale
    extended[:, t, t] = scale[:, 0]
    return extended, new > MIN_NEW


def _without_negatives(
    values: Float[Tensor, "p t"],
    matches: Float[Tensor, "p t"],
    features: Int64[Tensor, "p t"],
    gram: Float[Tensor, "m m"],
) -> Float[Tensor, "p t"]:
    """Replace the least squares values of rows that have a negative one by those of non-negative least squares."""
    negative = (values < 0).any(1).nonzero()[:, 0]
    if len(negative):
        values[negative] = nonnegative_least_squares(among(gram, features[negative]), matches[negative])
    return values


def among(gram: Float[Tensor, "m m"], features: Int64[Tensor, "n k"]) -> Float[Tensor, "n k k"]:
    """Return the Gram matrix of each row's features."""
    return gram.take(features[:, :, None] * len(gram) + features[:, None])


def along_support(change: Float[Tensor, "n m"], code: Pursuit, gram: Float[Tensor, "m m"]) -> Float[Tensor, "n k"]:
    """Return how the values change if the matches of all features change so: least squares on the same features."""
    free = code.values != 0
    own = torch.where(free, change.gather(1, code.features), 0)
    return solve_free(among(gram, code.features), own, free)
