"""Whether dictionaries of several runs hold the same directions."""

from collections.abc import Sequence
from itertools import combinations

from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._matching import match, match_blocks


def stability(dictionaries: Sequence[Float[Tensor, "_ _"]], block: int = 1) -> float:
    """Mean over all pairs of dictionaries, each [m, d], of the mean cosine of their matched directions.

    For a pair, max over permutations P of tr(A^T P B) / m, with unit directions in the rows of A and B: 1 where the
    runs found the same directions in any order (Fel et al. 2025, arXiv 2502.12892, there over 4 runs). The sign
    matters; a direction of length zero has a cosine of 0. How high chance comes depends on m and d.

    block: directions that span a subspace together, `SAE.block` of them. Subspaces are then matched, whatever their
           bases, by the root mean square of the cosines of their principal angles (see `match_blocks`).

    Raises `VisaeError` for fewer than two dictionaries, and for dictionaries of different shapes.
    """
    if len(dictionaries) < 2:
        raise VisaeError(f"stability compares runs: it needs 2 dictionaries or more, and was given {len(dictionaries)}")
    width, dim = dictionaries[0].shape
    for place, directions in enumerate(dictionaries):
        if directions.shape != (width, dim):
            raise VisaeError(
                f"dictionary {place} has {len(directions)} features in {directions.shape[1]} dimensions, dictionary 0 "
                f"has {width} in {dim}; stability compares dictionaries of one shape"
            )
    pairs = combinations(dictionaries, 2)
    if block > 1:
        means = [match_blocks(one, other, block).mean().item() for one, other in pairs]
    else:
        means = [match(one, other)[2].mean().item() for one, other in pairs]
    return sum(means) / len(means)
