"""How much of a planted truth a set of directions has found."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from visae.metrics._matching import match

MATCHED = 0.9


@dataclass(frozen=True)
class Recovery:
    """matched_fraction: share of the true directions whose partner has a cosine of at least 0.9 with them.
    mean_cosine:      mean over the true directions of the cosine with their partner; 0 for one without a partner.
    """

    matched_fraction: float
    mean_cosine: float


def recovery(directions: Float[Tensor, "m d"], truth: Float[Tensor, "f d"], block: int = 1) -> Recovery:
    """Match true directions one to one to found ones, with the largest sum of cosines (Hungarian method), and score.

    Where there are fewer directions than truths, the truths left over count as not found.

    block: directions that span a subspace together, `SAE.block` of them (see `match`).
    """
    _, _, partner = match(truth, directions, block)
    return Recovery((partner >= MATCHED).sum().item() / len(truth), partner.sum().item() / len(truth))
