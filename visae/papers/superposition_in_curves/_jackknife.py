"""How far off what is measured over rows may be, for there being no more of them."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GROUPS = 10


def standard_errors(
    measure: Callable[[Float[Tensor, "_ m"]], Sequence[float]], x: Float[Tensor, "rows m"]
) -> list[float]:
    """The standard error of each of the figures that `measure` makes of rows.

    The jackknife (Tukey 1958): each of g groups is left out in turn, and the variance of a figure is (g - 1) / g times
    the sum of squares of its g values about their mean. Groups are of consecutive rows, that those of one image, which
    are alike, may be left out together.
    """
    groups = torch.tensor_split(x, GROUPS)
    left = (torch.cat([*groups[:place], *groups[place + 1 :]]) for place in range(GROUPS))
    values = torch.tensor([measure(rows) for rows in left], dtype=torch.float64)
    away = values - values.mean(0)
    errors: list[float] = ((GROUPS - 1) / GROUPS * away.square().sum(0)).sqrt().tolist()
    return errors
