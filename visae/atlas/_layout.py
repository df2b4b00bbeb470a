"""A two-dimensional layout of decoder directions for the atlas's map."""

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from visae._support.progress import Progress

_MIN_FOR_TSNE = 8  # directions; fewer are laid out by their first two principal components
_COMPONENTS = 50
_PERPLEXITY = 30.0
_DECIMALS = 5  # directions that agree to this many are duplicates


def layout(directions: Float[Tensor, "m d"], seed: int) -> Float[np.ndarray, "m 2"]:
    """Lay directions out in the unit square: t-SNE of their 50 principal components.

    Directions are normalised first, so that Euclidean distances follow cosines; those of norm 0 stay at the origin.
    t-SNE (van der Maaten and Hinton 2008) preserves neighbourhoods; distances between clusters mean little.
    """
    rows = directions.double().numpy()
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norm > 0, norm, 1)
    # scikit-learn's t-SNE does not return when all points are equal, so embed each distinct direction once.
    distinct, inverse = np.unique(rows.round(_DECIMALS), axis=0, return_inverse=True)
    with Progress("map", 1, "layout") as progress:
        points = _embed(distinct, seed)[inverse.reshape(-1)]
        progress.update(1)
    low, high = points.min(0), points.max(0)
    return np.where(high > low, (points - low) / np.where(high > low, high - low, 1), 0.5)


def _embed(rows: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, "n 2"]:
    if len(rows) == 1:
        return np.zeros((1, 2))
    components = PCA(min(_COMPONENTS, *rows.shape), random_state=seed).fit_transform(rows)
    plane = np.zeros((len(rows), 2))
    plane[:, : min(components.shape[1], 2)] = components[:, :2]
    if len(rows) < _MIN_FOR_TSNE:
        return plane
    # scikit-learn's PCA initialisation plus a little noise: t-SNE cannot separate points that start out identical.
    init = 1e-4 * plane / plane[:, 0].std() + 1e-6 * np.random.default_rng(seed).standard_normal(plane.shape)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    points = TSNE(2, perplexity=perplexity, init=init.astype(np.float32), random_state=seed).fit_transform(components)
    return np.asarray(points, np.float64)
