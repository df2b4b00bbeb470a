"""Which pre-activations of a batch survive."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def strongest(pre: Float[Tensor, "*s n m"], k: Int[Tensor, "*s"], most: int) -> Float[Tensor, "*s n m"]:
    """The k largest positive values of each row, where they stand; zero elsewhere.

    The members of a stack have each its own k; `most` is the largest.
    """
    values, places = pre.topk(most, dim=-1)
    kept = torch.arange(most, device=pre.device) < k[..., None, None]
    return torch.zeros_like(pre).scatter(-1, places, torch.where(kept, values, 0).relu())


def strongest_places(pre: Float[Tensor, "p m"], k: int) -> Int[Tensor, " w"]:
    """The positions, counted through all values, of the k largest positive values of each row."""
    values, places = pre.topk(k, dim=1, sorted=False)
    places += torch.arange(0, pre.numel(), pre.shape[1], device=pre.device)[:, None]
    return places[values > 0]


def weakest_over_batch(pre: Float[Tensor, "n m"], count: int, floor: float = 0.0) -> Float[Tensor, ""]:
    """The smallest of the `count` largest positive values; 0 where fewer are positive.

    floor: a guess at it. Where at least `count` values lie above, only those are looked through.
    """
    above = pre[pre > floor]
    if len(above) < count:
        above = pre[pre > 0]
    if len(above) < count:
        return pre.new_zeros(())
    return above.kthvalue(len(above) - count + 1).values
