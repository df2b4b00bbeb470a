"""Metrics of an autoencoder over bags, and PCA's residual on their data."""

from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae import metrics
from visae._support import files
from visae.papers.bag_of_words._model import BagStack, check_latent

_SAMPLE = 500  # maximum number of features whose R2 is kept
_HARMONICS = 4


def eigenvalue_shares(covariance: Float64[Tensor, "n n"]) -> list[float]:
    """Each principal component's share of the total variance, largest first."""
    values = _spectrum(covariance)
    return [share / sum(values) for share in values]


def pca_residual(covariance: Float64[Tensor, "n n"], latent: int) -> float:
    """E|x - x_hat|^2 of the best linear autoencoder with a bias: the sum of the eigenvalues after the first `latent`.

    In squared units of x, summed over features; not a share. Raises `VisaeError` for a latent size below 1 or above n.
    """
    check_latent(latent, len(covariance))
    return sum(_spectrum(covariance)[latent:], start=0.0)


def linear_residual(
    weights: Float[Tensor, "d n"],
    bias: Float[Tensor, " n"],
    mean: Float64[Tensor, " n"],
    covariance: Float64[Tensor, "n n"],
) -> float:
    """E|x - W^T W x - b|^2 of a linear tied autoencoder, from the data's exact moments mu and C, without sampling.

    With R = 1 - W^T W it is tr(R C R^T) + |R mu - b|^2.
    """
    W = weights.cpu().double()
    rest = -W.T @ W
    rest.diagonal().add_(1)
    off = rest @ mean - bias.cpu().double()
    return ((rest @ covariance * rest).sum() + off.square().sum()).item()


def model_metrics(
    stack: BagStack, x: Float[Tensor, "b n"], correlations: Float64[Tensor, "n n"], between: metrics.Interference
) -> dict[str, Any]:
    """Measure a stack of one: means over features, and R2 in context and alone, for each feature or a sample.

    x:             held-out bags.
    correlations:  the held-out bags' correlations, which the model cannot have fitted by accident.
    between:       the interference between the model's features over the held-out bags.
    """
    x_hat = stack.reconstruct(x[None])[0]
    in_context, alone = metrics.r2(x, x_hat), metrics.r2_alone(lambda single: stack.reconstruct(single[None])[0], x)
    known = in_context.isfinite()  # a word in no held-out bag, or in every one, has no R2
    means = {name: getattr(between, name).nanmean().item() for name in ("own", "lift", "present", "absent")}
    values = {
        "residual": (x - x_hat).square().sum(1).double().mean().item(),
        "agreement": metrics.pair_agreement(stack.gram()[0], correlations),
        "r2": in_context[known].mean().item(),
        "r2_alone": alone[known].mean().item(),
        **means,
        "borrowed": between.borrowed,
        "constructive": between.constructive.nanmean().item(),
    }
    sample = slice(None, None, max(int(known.sum()) // _SAMPLE, 1))
    return {
        **files.without_nan(values),
        "r2_sample": in_context[known][sample].tolist(),
        "r2_alone_sample": alone[known][sample].tolist(),
    }


def ring_metrics(vectors: Float[Tensor, "n d"]) -> dict[str, Any]:
    """Measure the ring of vectors that should lie in order: positions in the plane, and how well in order."""
    points, share = metrics.ring_plane(vectors)
    even = 360 * torch.arange(len(points), dtype=torch.float64) / len(points)
    return {
        "kept": metrics.neighbours_kept(metrics.ring_order(points)),
        "turned_alike": metrics.rings_alike(metrics.ring_angles(points), even),
        "plane": share,
        "harmonics": metrics.ring_harmonics(vectors, even, min(_HARMONICS, len(points) // 2)),
        "points": points.tolist(),
    }


def _spectrum(covariance: Float64[Tensor, "n n"]) -> list[float]:
    values: list[float] = covariance.svd().S.tolist()
    return values
