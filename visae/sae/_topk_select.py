"""Which pre-activations of a batch survive."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

# The values that fire, their rows and their places in the row, each [w].
Entries = tuple[Float[Tensor, " w"], Int[Tensor, " w"], Int[Tensor, " w"]]

# Values of a group, at most, in the two stages of a choice. These pay where groups are three times as many as k, and
# the length of rows times k is large enough (measured on a CPU; from 768 features and k 32, from 3840 and k 8).
_GROUP = 8
_MANY = 3
_LONG = 12_288


def topk_dense(pre: Float[Tensor, "*s n m"], k: Int[Tensor, "*s"], most: int) -> Float[Tensor, "*s n m"]:
    """The k largest positive values of each row, where they stand; zero elsewhere.

    The members of a stack have each its own k; `most` is the largest.
    """
    values, places = pre.topk(most, dim=-1)
    kept = torch.arange(most, device=pre.device) < k[..., None, None]
    return torch.zeros_like(pre).scatter_(-1, places, torch.where(kept, values, 0).relu())


def topk_entries(pre: Float[Tensor, "p m"], k: int) -> Entries:
    """The k largest positive values of each row, in the order of rows."""
    values, places = _largest(pre, k)
    rows = torch.arange(len(pre), device=pre.device).repeat_interleave(k)
    listed = values.flatten(), rows, places.flatten()
    if values.numel() and values.min() > 0:
        return listed
    positive = listed[0] > 0
    return listed[0][positive], listed[1][positive], listed[2][positive]


def _largest(pre: Float[Tensor, "p m"], k: int) -> tuple[Float[Tensor, "p k"], Int[Tensor, "p k"]]:
    """The k largest of each row and their places, in no order.

    In two stages, where rows are long: what is among the k largest lies in one of the k groups with the largest maxima.
    """
    (p, m), size = pre.shape, math.gcd(pre.shape[1], _GROUP)
    if size == 1 or k * m <= _LONG or m < _MANY * size * k:
        return pre.topk(k, dim=1, sorted=False)
    groups = pre.view(p, size, m // size)
    best = groups.amax(1).topk(k, dim=1, sorted=False).indices
    within = groups.gather(2, best[:, None].expand(p, size, k)).flatten(1)
    values, found = within.topk(k, dim=1, sorted=False)
    place = torch.div(found, k, rounding_mode="floor")
    return values, best.gather(1, found - place * k).add_(place, alpha=m // size)


def batch_threshold(pre: Float[Tensor, "n m"], count: int, floor: float = 0.0) -> Float[Tensor, ""]:
    """The smallest of the `count` largest positive values; 0 where fewer are positive.

    floor: a guess at it. Where at least `count` values lie above, only those are looked through.
    """
    above = pre[pre > floor]
    if len(above) < count:
        above = pre[pre > 0]
    if len(above) < count:
        return pre.new_zeros(())
    return above.kthvalue(len(above) - count + 1).values
