"""Where features lie on the map: directions that are alike are near each other."""

import warnings

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from visae.progress import Progress

_FEWEST = 8  # directions below which there is nothing to arrange but along their components
_COMPONENTS = 50
_PERPLEXITY = 30.0


def places(directions: Float[Tensor, "m d"], seed: int) -> Float[np.ndarray, "m 2"]:
    """Points in 0..1 for directions: their 50 principal components, arranged by t-SNE.

    Directions are normalised first, so that distances are those of cosines. t-SNE (van der Maaten and Hinton 2008)
    keeps neighbours together; distances between groups on the map mean little. Those of norm 0 lie in the middle.
    """
    rows = directions.double().numpy()
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(length > 0, length, 1)
    parts = min(_COMPONENTS, *rows.shape)
    with warnings.catch_warnings(), Progress("map", 1, "arrangement") as progress:
        # Of constant directions, whose variance is 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = PCA(parts, random_state=seed).fit_transform(rows)
        if len(rows) >= _FEWEST:
            perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
            found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(found)
        progress.update(1)
    flat = np.zeros((len(rows), 2))
    flat[:, : min(found.shape[1], 2)] = found[:, :2]
    low, high = flat.min(0), flat.max(0)
    return np.where(high > low, (flat - low) / np.where(high > low, high - low, 1), 0.5)
