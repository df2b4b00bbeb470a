"""What features in superposition add to each other: noise to be suppressed, or help.

Tensors in, tensors out: G [n, n] is how much feature j adds to the pre-activation of output i for each unit of its
activation x_j, W^T W for a tied autoencoder; for an SAE, the products of encoder and decoder directions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Float64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Interference:
    """What the other features add to each feature's pre-activation, I_i = sum over j != i of G_ij x_j.

    own:           [n], G_ii E[x_i | x_i > 0], what a feature adds to itself where it is present.
    lift:          [n], E[I_i | x_i > 0] - E[I_i | x_i = 0], how much more the others add where it is present. For
                   binary x it is sum over j != i of G_ij Cov(x_i, x_j) / Var(x_i): 0 for independent features.
    present:       [n], share of |G_ij x_j|, summed over bags where i is present and over j != i, that raises.
    absent:        [n], the same of bags where it is absent, that lowers.
    constructive:  [n], (present + absent) / 2, the share of interference whose sign is that of help. For independent
                   features the two sum to one, so this is 1/2, whatever their rates and the signs of G.

    nan where a feature is always or never present, or nothing is added.
    """

    own: Float64[Tensor, " n"]
    lift: Float64[Tensor, " n"]
    present: Float64[Tensor, " n"]
    absent: Float64[Tensor, " n"]
    constructive: Float64[Tensor, " n"]

    def some(self, which: Sequence[int]) -> "Interference":
        """That of some of the features, from all others as before."""
        chosen = torch.tensor(which, device=self.own.device)
        return Interference(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def borrowed(self) -> float:
        """sum lift / sum (own + lift): of what tells presence from absence, the share that other features supply."""
        lift, own = self.lift.nansum(), self.own.nansum()
        return (lift / (own + lift)).item()


def interference(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"]) -> Interference:
    """The interference between features over bags, or over rows of activations; x is 0 or more."""
    own, x = gram.diagonal().double(), x.double()
    others = gram.double().clone().fill_diagonal_(0)
    raising = others.clamp_min(0)
    there = (x > 0).double()
    # Entry i, j: the mean over all bags of x_j where i is present, and where it is absent.
    with_i = there.T @ x / len(x)
    without = x.mean(0) - with_i
    rate = there.mean(0)
    up, down = _rows(raising, with_i), _rows(raising - others, without)
    added, taken = _rows(others, with_i), _rows(others, without)
    # Sums of sizes are twice those of one sign, less or plus those of both.
    present, absent = up / (2 * up - added), down / (2 * down + taken)
    return Interference(
        own=own * with_i.diagonal() / rate,
        lift=added / rate - taken / (1 - rate),
        present=present,
        absent=absent,
        constructive=(present + absent) / 2,
    )


def _rows(one: Float64[Tensor, "n n"], other: Float64[Tensor, "n n"]) -> Float64[Tensor, " n"]:
    """The product of each row of one with that row of the other; without a matrix of products, which may be large."""
    return torch.einsum("ij,ij->i", one, other)


def contributions(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"], target: int) -> Float[Tensor, "b n"]:
    """What each feature adds to the target's pre-activation in each bag, G_ij x_j; with the bias they sum to it."""
    return gram[target] * x


def by_context(gram: Float[Tensor, "n n"], x: Float[Tensor, "b n"], target: int) -> Float64[Tensor, " n"]:
    """What each feature adds to the target on average over the bags that hold the target: G_ij E[x_j | x_i > 0].

    nan for a target that no bag holds.
    """
    return contributions(gram, x[x[:, target] > 0], target).double().mean(0)


def r2(x: Float[Tensor, "*m b n"], x_hat: Float[Tensor, "*m b n"]) -> Float64[Tensor, "*m n"]:
    """How well each feature is reconstructed over bags: 1 - sum (x - x_hat)^2 / sum (x - mean x)^2.

    nan for a feature that never varies; below 0 where the mean alone does better.
    """
    x, x_hat = x.double(), x_hat.double()
    total = (x - x.mean(-2, keepdim=True)).square().sum(-2)
    return 1 - (x - x_hat).square().sum(-2) / total.where(total > 0, torch.nan)


def r2_alone(
    reconstruct: Callable[[Float[Tensor, "n n"]], Float[Tensor, "*m n n"]], like: Float[Tensor, "b n"]
) -> Float64[Tensor, "*m n"]:
    """`r2` over the n bags that hold one feature each: what is left of a reconstruction when its context is gone.

    The paper's measure of how much a feature depends on constructive interference is `r2` in context less this.

    like: bags, or rows, on whose device and of whose type the single features are made.
    """
    single = torch.eye(like.shape[1], dtype=like.dtype, device=like.device)
    found = reconstruct(single)
    return r2(single.expand_as(found), found)
