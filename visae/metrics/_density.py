"""How the features of a dictionary share the work: densities, and how many features there are in effect."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

_BINS_PER_DECADE = 4


@dataclass(frozen=True, eq=False)
class DensityHistogram:
    """How many features fire how often.

    never:  number of features that never fire; they are in no bin.
    edges:  [b + 1], log10 of the densities between bins, four bins to a decade, up to 0.
    counts: [b], number of features from each edge to the next; the last bin includes a density of 1.
    """

    never: int
    edges: Float64[Tensor, " e"]
    counts: Int64[Tensor, " b"]


def density_histogram(density: Float64[Tensor, " m"]) -> DensityHistogram:
    """Count features by their density, `Firing.density`, in bins from the decade of the rarest to 1."""
    logarithms = density[density > 0].log10()
    decades = max(-math.floor(logarithms.min().item()), 1) if len(logarithms) else 1
    edges = torch.linspace(-decades, 0, decades * _BINS_PER_DECADE + 1, dtype=torch.float64)
    counts = torch.histogram(logarithms, edges).hist.long()
    return DensityHistogram(int((density == 0).sum()), edges, counts)


def frequent_fraction(density: Float64[Tensor, " m"], above: float = 1e-3) -> float:
    """Fraction of all features that fire on more than 1 of 1,000 rows, or on another share of them."""
    return (density > above).double().mean().item()


def effective_features(density: Float64[Tensor, " m"]) -> float:
    """Effective number of features: exp(-sum p_i log p_i) with p_i = density_i / sum density, from 1 to m.

    The exponential of the entropy of "which feature is it that fires": m if all fire equally often, k if k do and the
    others never (Hill's number of order 1). NaN if no feature fires.
    """
    share = density[density > 0] / density.sum()
    return torch.exp(-(share * share.log()).sum()).item() if len(share) else math.nan
