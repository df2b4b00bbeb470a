"""Co-activation of features, and their interference in superposition: harmful noise, or helpful context.

G [n, n] is what feature j adds to the pre-activation of output i per unit of its activation x_j: products of encoder
and decoder directions for an SAE, W^T W for a tied autoencoder. x [b, n] are rows of activations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError


def correlation(x: Float[Tensor, "b n"]) -> Float64[Tensor, "n n"]:
    """Pearson's correlation of features over rows; NaN for one that never varies."""
    away = x.double() - x.double().mean(0)
    return correlation_of_covariance(away.T @ away / len(x))


def correlation_of_covariance(covariance: Float64[Tensor, "n n"]) -> Float64[Tensor, "n n"]:
    """Scale a covariance to correlations; NaN for a feature that never varies."""
    deviation = covariance.diagonal().clamp_min(0).sqrt()
    deviation = deviation.where(deviation > 0, torch.nan)
    return covariance / torch.outer(deviation, deviation)


def pair_agreement(a: Float[Tensor, "n n"], b: Float[Tensor, "n n"]) -> float:
    """Pearson's r between two symmetric matrices over pairs of different features, each pair once.

    For instance W^T W, or the cosines of decoder directions, against the correlations of the data. Pairs with a NaN in
    either are left out. NaN if all pairs of one matrix are equal. Raises `VisaeError` for fewer than three features,
    whose pairs agree trivially.
    """
    if len(a) < 3:
        raise VisaeError(f"agreement is over pairs of features: it needs 3 features or more, and was given {len(a)}")
    above: Bool[Tensor, "n n"] = torch.ones(len(a), len(a), dtype=torch.bool, device=a.device).triu(1)
    pairs = torch.stack([a[above], b.to(a.device)[above]]).double()
    pairs = pairs[:, ~pairs.isnan().any(0)]
    away = pairs - pairs.mean(1, keepdim=True)
    length = away.norm(dim=1)
    r: float = (away[0] @ away[1] / (length[0] * length[1])).item()
    return r


@dataclass(frozen=True, eq=False)
class Interference:
    """The other features' contributions to each feature's pre-activation, I_i = sum over j != i of G_ij x_j.

    own:           [n], G_ii E[x_i | x_i > 0], what a feature adds to itself where it is present.
    lift:          [n], E[I_i | x_i > 0] - E[I_i | x_i = 0], how much more the others add where the feature is present.
                   For binary x it is sum over j != i of G_ij Cov(x_i, x_j) / Var(x_i): 0 for independent features.
    present:       [n], positive share of |G_ij x_j|, summed over rows where i is present and over j != i.
    absent:        [n], negative share of it, summed over rows where i is absent.
    constructive:  [n], (present + absent) / 2, the share of interference with a helpful sign. For independent features
                   the two sum to one, so this is 1/2, whatever the features' rates and the signs of G.

    NaN where a feature is always or never present, or nothing is added.
    """

    own: Float64[Tensor, " n"]
    lift: Float64[Tensor, " n"]
    present: Float64[Tensor, " n"]
    absent: Float64[Tensor, " n"]
    constructive: Float64[Tensor, " n"]

    def select(self, features: Sequence[int]) -> "Interference":
        """The interference of these features, still with all others."""
        indices = torch.tensor(features, device=self.own.device)
        return Interference(*(getattr(self, field.name)[indices] for field in fields(self)))

    @property
    def borrowed(self) -> float:
        """sum lift / sum (own + lift): other features' share of the difference between presence and absence."""
        lift, own = self.lift.nansum(), self.own.nansum()
        return (lift / (own + lift)).item()


def interference(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"]) -> Interference:
    """Measure the interference between features over rows; x is 0 or more."""
    own, x = gram.diagonal().double(), x.double()
    others = gram.double().clone().fill_diagonal_(0)
    raising = others.clamp_min(0)
    present = (x > 0).double()
    # Entry i, j: the mean over all rows of x_j masked to where i is present, and to where it is absent.
    with_i = present.T @ x / len(x)
    without_i = x.mean(0) - with_i
    rate = present.mean(0)
    up, down = _row_products(raising, with_i), _row_products(raising - others, without_i)
    added, added_without = _row_products(others, with_i), _row_products(others, without_i)
    # Sums of absolute values are twice the sums of one sign, minus or plus the signed sums.
    share_up, share_down = up / (2 * up - added), down / (2 * down + added_without)
    return Interference(
        own=own * with_i.diagonal() / rate,
        lift=added / rate - added_without / (1 - rate),
        present=share_up,
        absent=share_down,
        constructive=(share_up + share_down) / 2,
    )


def _row_products(a: Float64[Tensor, "n n"], b: Float64[Tensor, "n n"]) -> Float64[Tensor, " n"]:
    """Products of corresponding rows, without forming the full product, which may be large."""
    return torch.einsum("ij,ij->i", a, b)


def contributions(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"], target: int) -> Float[Tensor, "b n"]:
    """Each feature's contribution to the target's pre-activation per row, G_ij x_j; with the bias they sum to it."""
    return gram[target] * x


def contributions_in_context(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"], target: int) -> Float64[Tensor, " n"]:
    """Mean contribution of each feature to the target over rows where the target is active: G_ij E[x_j | x_i > 0].

    NaN for a target that is never active.
    """
    return contributions(gram, x[x[:, target] > 0], target).double().mean(0)


def r2(x: Float[Tensor, "*m b n"], x_hat: Float[Tensor, "*m b n"]) -> Float64[Tensor, "*m n"]:
    """R2 of each feature's reconstruction over rows: 1 - sum (x - x_hat)^2 / sum (x - mean x)^2.

    NaN for a feature that never varies; below 0 where the mean alone does better.
    """
    x, x_hat = x.double(), x_hat.double()
    total = (x - x.mean(-2, keepdim=True)).square().sum(-2)
    return 1 - (x - x_hat).square().sum(-2) / total.where(total > 0, torch.nan)


def r2_alone(
    reconstruct: Callable[[Float[Tensor, "n n"]], Float[Tensor, "*m n n"]], like: Float[Tensor, "b n"]
) -> Float64[Tensor, "*m n"]:
    """`r2` over the n rows with one active feature each: reconstruction without context.

    Prieto et al. (arXiv 2603.09972) measure how much a feature depends on constructive interference by `r2` in context
    minus this.

    like: rows that set the device and dtype of the single features.
    """
    single = torch.eye(like.shape[1], dtype=like.dtype, device=like.device)
    x_hat = reconstruct(single)
    return r2(single.expand_as(x_hat), x_hat)
