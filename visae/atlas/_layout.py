"""Where features lie on the map: directions that are alike are near each other."""

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from visae._support.progress import Progress

_FEWEST = 8  # directions below which there is nothing to arrange but along their components
_COMPONENTS = 50
_PERPLEXITY = 30.0
_DIGITS = 5  # to which directions are told apart


def places(directions: Float[Tensor, "m d"], seed: int) -> Float[np.ndarray, "m 2"]:
    """Points in 0..1 for directions: their 50 principal components, arranged by t-SNE.

    Directions are normalised first, so that distances are those of cosines. t-SNE (van der Maaten and Hinton 2008)
    keeps neighbours together; distances between groups on the map mean little. Those of norm 0 lie in the middle.
    """
    rows = directions.double().numpy()
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(length > 0, length, 1)
    # scikit-learn's t-SNE does not return from points that are all the same: each direction is arranged once.
    different, which = np.unique(rows.round(_DIGITS), axis=0, return_inverse=True)
    with Progress("map", 1, "arrangement") as progress:
        found = _arranged(different, seed)[which.reshape(-1)]
        progress.update(1)
    low, high = found.min(0), found.max(0)
    return np.where(high > low, (found - low) / np.where(high > low, high - low, 1), 0.5)


def _arranged(rows: Float[np.ndarray, "n d"], seed: int) -> Float[np.ndarray, "n 2"]:
    if len(rows) == 1:
        return np.zeros((1, 2))
    parts = PCA(min(_COMPONENTS, *rows.shape), random_state=seed).fit_transform(rows)
    flat = np.zeros((len(rows), 2))
    flat[:, : min(parts.shape[1], 2)] = parts[:, :2]
    if len(rows) < _FEWEST:
        return flat
    # As scikit-learn begins by itself, and a little noise: what lies in one place at first cannot be parted.
    start = 1e-4 * flat / flat[:, 0].std() + 1e-6 * np.random.default_rng(seed).standard_normal(flat.shape)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=seed).fit_transform(parts)
    return np.asarray(found, np.float64)
