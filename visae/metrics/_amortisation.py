"""The amortisation gap: how much of an SAE's error is its encoder's, and how much its dictionary's."""

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
    """An SAE's explained variance beside that of a pursuit over its own decoder with the same L0 on average.

    explained_variance:          with its own encoder.
    pursuit_explained_variance:  with the pursuit; an upper estimate of what the dictionary can do at this L0, since a
                                 pursuit is greedy.
    encoder_share:               the amortisation gap as a share of the error: (error - pursuit's error) / error, up to
                                 1: 0 for an encoder as good as the pursuit, below 0 for a better one.
    """

    explained_variance: float
    pursuit_explained_variance: float
    encoder_share: float


def amortisation(sae: SAE, x: Float[Tensor, "n d"]) -> Amortisation | None:
    """Split an SAE's error over rows between encoder and dictionary (Cremer et al. 2018, arXiv 1801.03558).

    The pursuit's threshold is set on the first half of the rows; both are measured on the second.

    None for kinds that cannot be refined (see `visae.sae.refined`), and for an L0 below 1 or above 64.
    """
    settings, measured = x.tensor_split(2)
    f = sae.encode(settings)
    l0 = (f != 0).sum().item() / max(len(f), 1)
    if sae.block_size > 1 or bool((f < 0).any()) or not 1 <= l0 <= _MOST_L0:
        return None
    with torch.no_grad():
        own = fidelity(sae, [measured]).explained_variance
        pursued = fidelity(refined(sae, settings, l0), [measured]).explained_variance
    error = max(1 - own, 1e-12)
    return Amortisation(own, pursued, (pursued - own) / error)
