"""How much of what features add to each other is help, and how much of the signal it is."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support import files
from visae.papers.bag_of_words._interference import interference
from visae.papers.superposition_in_curves._jackknife import standard_errors


def helped(gram: Float[Tensor, "m m"], x: Float[Tensor, "rows m"], asked: Sequence[int]) -> dict[str, Any]:
    """The constructive share of what all other features add to those asked about, and what these borrow.

    Both are of `visae.papers.bag_of_words._interference`: the mean of the share over the features, also `of_each`, and
    `borrowed` of all together. Errors are standard errors for there being no more rows. Null where not defined.
    """
    few, gathered = _gathered(gram, x, asked)
    places = range(len(asked))

    def shares(rows: Float[Tensor, "_ k"]) -> list[float]:
        found = interference(few, rows).some(places)
        return [found.constructive.nanmean().item(), found.borrowed]

    constructive, borrowed = shares(gathered)
    constructive_error, borrowed_error = standard_errors(shares, gathered)
    each = interference(few, gathered).some(places).constructive
    return files.without_nan(
        {
            "constructive": constructive,
            "constructive_error": constructive_error,
            "borrowed": borrowed,
            "borrowed_error": borrowed_error,
            "of_each": [None if share != share else share for share in each.tolist()],
        }
    )


def _gathered(
    gram: Float[Tensor, "m m"], x: Float[Tensor, "rows m"], asked: Sequence[int]
) -> tuple[Float64[Tensor, "k k"], Float64[Tensor, "rows k"]]:
    """The same interference of three features for each one asked about: itself, all that raises it, all that lowers it.

    Interference is of every feature with every other, and only a few of an SAE's are asked about.
    """
    n, own = len(asked), gram[asked][:, asked].diagonal().double()
    others = gram[asked].double()
    others[torch.arange(n), torch.tensor(asked)] = 0
    x = x.double()
    raises, lowers = x @ others.clamp_min(0).T, x @ -others.clamp_max(0).T
    few = torch.zeros(3 * n, 3 * n, dtype=torch.float64)
    one = torch.eye(n, dtype=torch.float64)
    few[:n] = torch.cat([own.diag(), one, -one], 1)
    return few, torch.cat([x[:, asked], raises, lowers], 1)
