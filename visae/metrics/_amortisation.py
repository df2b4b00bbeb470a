"""The amortisation gap: how much of an SAE's error is its encoder's, and how much its dictionary's."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.metrics._fidelity import fidelity
from visae.sae import SAE, refined

# Longer pursuits take minutes, and an SAE with so many features at a position is not sparse.
_MOST_L0 = 64


@dataclass(frozen=True)
class Amortisation:
    """An SAE's explained variance beside that of a pursuit over its own decoder, over the same rows.

    explained_variance:          with its own encoder.
    pursuit_explained_variance:  with the pursuit; an upper estimate of what the dictionary can do at this L0, since a
                                 pursuit is greedy.
    pursuit_l0:                  features of the pursuit that fire at a position, on average: as many as with the
                                 encoder on the rows that set its threshold.
    encoder_share:               the amortisation gap as a share of the error: (error - pursuit's error) / error, up to
                                 1: 0 for an encoder as good as the pursuit, below 0 for a better one.
    """

    explained_variance: float
    pursuit_explained_variance: float
    pursuit_l0: float
    encoder_share: float


@torch.no_grad()
def amortisation(
    sae: SAE, settings: Float[Tensor, "n d"], batches: Iterable[Float[Tensor, "_ d"]]
) -> Amortisation | None:
    """Split an SAE's error over rows between encoder and dictionary (Cremer et al. 2018, arXiv 1801.03558).

    settings: rows on which the pursuit's threshold is set: best some that the SAE was trained on.
    batches:  rows on which both are measured.

    None for kinds that cannot be refined (see `visae.sae.refined`), and for an L0 below 1 or above 64.
    """
    f = sae.encode(settings)
    l0 = (f != 0).sum().item() / max(len(f), 1)
    if sae.block_size > 1 or bool((f < 0).any()) or not 1 <= l0 <= _MOST_L0:
        return None
    rows = list(batches)
    own, pursued = (fidelity(each, rows) for each in (sae, refined(sae, settings, l0)))
    gap = pursued.explained_variance - own.explained_variance
    share = gap / max(1 - own.explained_variance, 1e-12)
    return Amortisation(own.explained_variance, pursued.explained_variance, pursued.l0, share)
