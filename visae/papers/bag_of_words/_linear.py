"""The linear regime, exactly: what PCA leaves over, and what a linear tied autoencoder does."""

from jaxtyping import Float, Float64
from torch import Tensor

from visae.papers.bag_of_words._autoencoders import check_latent


def eigenvalue_shares(covariance: Float64[Tensor, "n n"]) -> list[float]:
    """Each principal component's share of the total variance, the largest first."""
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
    """E|x - W^T W x - b|^2 of a linear tied autoencoder, from the data's exact moments mu and C.

    With R = 1 - W^T W it is tr(R C R^T) + |R mu - b|^2: no draw of the data comes into it.
    """
    W = weights.cpu().double()
    left = -W.T @ W
    left.diagonal().add_(1)
    off = left @ mean - bias.cpu().double()
    return ((left @ covariance * left).sum() + off.square().sum()).item()


def _spectrum(covariance: Float64[Tensor, "n n"]) -> list[float]:
    values: list[float] = covariance.svd().S.tolist()
    return values
