"""Selecting the pre-activations that fire under TopK and BatchTopK."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

# The values that fire, their rows and their features, each [w].
Entries = tuple[Float[Tensor, " w"], Int[Tensor, " w"], Int[Tensor, " w"]]

# Selection in two stages, in groups of at most 8 values, pays off if there are three times as many groups as k and the
# row length times k is large (measured on a CPU: from 768 features at k 32, from 3840 at k 8).
_GROUP = 8
_GROUPS_PER_K = 3
_LONG = 12_288


def topk_dense(pre: Float[Tensor, "*s n m"], k: Int[Tensor, "*s"], largest_k: int) -> Float[Tensor, "*s n m"]:
    """Return the k largest positive values of each row in their columns; zero elsewhere.

    Each member of a stack has its own k; `largest_k` is the largest.
    """
    values, columns = pre.topk(largest_k, dim=-1)
    kept = torch.arange(largest_k, device=pre.device) < k[..., None, None]
    return torch.zeros_like(pre).scatter_(-1, columns, torch.where(kept, values, 0).relu())


def topk_entries(pre: Float[Tensor, "p m"], k: int) -> Entries:
    """Return the k largest positive values of each row, in the order of rows."""
    values, columns = _largest(pre, k)
    rows = torch.arange(len(pre), device=pre.device).repeat_interleave(k)
    entries = values.flatten(), rows, columns.flatten()
    if values.numel() and values.min() > 0:
        return entries
    positive = entries[0] > 0
    return entries[0][positive], entries[1][positive], entries[2][positive]


def _largest(pre: Float[Tensor, "p m"], k: int) -> tuple[Float[Tensor, "p k"], Int[Tensor, "p k"]]:
    """Return the k largest of each row and their columns, unordered.

    Long rows take two stages: the k largest values lie in the k groups with the largest maxima.
    """
    (p, m), size = pre.shape, math.gcd(pre.shape[1], _GROUP)
    if size == 1 or k * m <= _LONG or m < _GROUPS_PER_K * size * k:
        return pre.topk(k, dim=1, sorted=False)
    groups = pre.view(p, size, m // size)
    best = groups.amax(1).topk(k, dim=1, sorted=False).indices
    candidates = groups.gather(2, best[:, None].expand(p, size, k)).flatten(1)
    values, index = candidates.topk(k, dim=1, sorted=False)
    within_group = torch.div(index, k, rounding_mode="floor")
    return values, best.gather(1, index - within_group * k).add_(within_group, alpha=m // size)


def argmax_rows(values: Float[Tensor, "p m"]) -> tuple[Float[Tensor, " p"], Int[Tensor, " p"]]:
    """Return the largest value of each row, and its column.

    By the maxima of groups, which takes a third of the time of `max` on a CPU: maxima alone are vectorised.
    """
    (p, m), size = values.shape, math.gcd(values.shape[1], _GROUP)
    if size == 1:
        best, column = values.max(1)
        return best, column
    groups = values.view(p, size, m // size)
    best, group = groups.amax(1).max(1)
    within = groups.gather(2, group[:, None, None].expand(p, size, 1))[..., 0].argmax(1)
    return best, group + within * (m // size)


def batch_threshold(pre: Float[Tensor, "n m"], count: int, lower_bound: float = 0.0) -> Float[Tensor, ""]:
    """Return the smallest of the `count` largest positive values of a batch; 0 where fewer are positive.

    lower_bound:  a guess below it. If at least `count` values exceed the guess, only those are searched.
    """
    above = pre[pre > lower_bound]
    if len(above) < count:
        above = pre[pre > 0]
    if len(above) < count:
        return pre.new_zeros(())
    return above.kthvalue(len(above) - count + 1).values
