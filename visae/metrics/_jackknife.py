"""Standard errors of metrics over a finite number of rows."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GROUPS = 10


def standard_errors(
    measures: Callable[[Float[Tensor, "_ m"]], Sequence[float]], x: Float[Tensor, "rows m"]
) -> list[float]:
    """Standard errors of the values that `measures` returns for rows.

    The jackknife (Tukey 1958): each of g groups is left out in turn, and the variance of a metric is (g - 1) / g times
    the sum of squares of its g values about their mean. Groups are consecutive rows, so that the rows of one image,
    which are correlated, are left out together.
    """
    groups = torch.tensor_split(x, GROUPS)
    rest = (torch.cat([*groups[:index], *groups[index + 1 :]]) for index in range(GROUPS))
    values = torch.tensor([measures(rows) for rows in rest], dtype=torch.float64)
    away = values - values.mean(0)
    errors: list[float] = ((GROUPS - 1) / GROUPS * away.square().sum(0)).sqrt().tolist()
    return errors
