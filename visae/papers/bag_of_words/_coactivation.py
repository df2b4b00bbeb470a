"""Which features fire together, and whether their directions know of it.

Tensors in, tensors out: the same for a toy's words and for the features of an SAE.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError


def correlation(x: Float[Tensor, "b n"]) -> Float64[Tensor, "n n"]:
    """Pearson's correlation of the features over bags, or over rows of activations; nan for one that never varies."""
    away = x.double() - x.double().mean(0)
    return of_covariance(away.T @ away / len(x))


def of_covariance(covariance: Float64[Tensor, "n n"]) -> Float64[Tensor, "n n"]:
    """The correlations that a covariance holds; nan for a feature that never varies."""
    deviation = covariance.diagonal().clamp_min(0).sqrt()
    deviation = deviation.where(deviation > 0, torch.nan)
    return covariance / torch.outer(deviation, deviation)


def agreement(one: Float[Tensor, "n n"], other: Float[Tensor, "n n"]) -> float:
    """Pearson's r between two symmetric matrices over the pairs of different features, each pair once.

    For instance W^T W, or the cosines of decoder directions, against the correlations of the data. Pairs for which
    either is nan are left out. nan where the pairs of one are all equal. Raises `VisaeError` for fewer than three
    features, whose pairs always agree or say nothing.
    """
    if len(one) < 3:
        raise VisaeError(f"agreement is over pairs of features: it needs 3 features or more, and was given {len(one)}")
    above: Bool[Tensor, "n n"] = torch.ones(len(one), len(one), dtype=torch.bool, device=one.device).triu(1)
    pairs = torch.stack([one[above], other.to(one.device)[above]]).double()
    pairs = pairs[:, ~pairs.isnan().any(0)]
    away = pairs - pairs.mean(1, keepdim=True)
    length = away.norm(dim=1)
    r: float = (away[0] @ away[1] / (length[0] * length[1])).item()
    return r
