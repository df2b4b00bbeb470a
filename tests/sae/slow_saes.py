"""What every kind of SAE computes, from its paper's formulas: slow, in NumPy and float64, one row after the other."""

import numpy as np


def tensors(sae):
    """An SAE's tensors, as copies in float64."""
    return {name: value.detach().double().numpy().copy() for name, value in sae.state_dict().items()}


def largest(row, k):
    """The k largest positive values where they stand, the first of equal ones first."""
    kept = sorted(range(len(row)), key=lambda place: -row[place])[:k]
    return np.array([value if place in kept and value > 0 else 0.0 for place, value in enumerate(row)])


def decoder(config, p):
    """Directions as they enter the reconstruction."""
    if config.kind != "archetypal":
        return p["decoder"]
    parts = [
        sum(weight * centroid for weight, centroid in zip(weights, p["centroids"], strict=True)) + more
        for weights, more in zip(p["mixture"], p["relaxation"], strict=True)
    ]
    return np.exp(p["log_scale"]) * np.array(parts)


def preactivate(config, p, z):
    """The encoder's affine map."""
    if config.kind == "block":
        gain = [np.exp(p["log_gain"][feature // config.size]) for feature in range(config.width)]
        return np.array([[g * (d @ (row - p["bias"])) for g, d in zip(gain, p["decoder"], strict=True)] for row in z])
    origin = 0 if config.kind in ("pca", "ica", "random", "neurons") else p["bias"]
    return np.array(
        [[e @ (row - origin) + b for e, b in zip(p["encoder"], p["encoder_bias"], strict=True)] for row in z]
    )


def features(config, p, z):
    """Standardised rows to features, as an SAE is used."""
    pre = preactivate(config, p, z)
    if config.kind in ("topk", "archetypal"):
        return np.array([largest(row, config.k) for row in pre])
    if config.kind in ("batchtopk", "matryoshka"):
        return np.where((pre > 0) & (pre >= p["threshold"]), pre, 0)
    if config.kind == "jumprelu":
        return np.where(pre > np.exp(p["log_threshold"]), pre, 0)
    if config.kind == "gated":
        shared = np.array([[e @ (row - p["bias"]) for e in p["encoder"]] for row in z])
        return (pre > 0) * np.maximum(np.exp(p["r_mag"]) * shared + p["magnitude_bias"], 0)
    if config.kind == "block":
        return np.array([of_blocks(row, config.size, 0, config.blocks) for row in pre])
    if config.kind == "relu":
        return np.maximum(pre, 0)
    return np.array([largest(abs(row), config.k or len(row)) * np.sign(row) for row in pre])


def of_blocks(row, size, first, last):
    """A row's features of its blocks from rank `first` to before `last` by norm; zero elsewhere."""
    norms = [np.linalg.norm(row[start : start + size]) for start in range(0, len(row), size)]
    kept = sorted(range(len(norms)), key=lambda block: -norms[block])[first:last]
    return np.array([value if place // size in kept else 0.0 for place, value in enumerate(row)])


def in_training(config, p, z):
    """The features that the training loss decodes."""
    if config.kind not in ("batchtopk", "matryoshka"):
        return features(config, p, z)
    pre = preactivate(config, p, z)
    return largest(pre.flatten(), config.k * len(z)).reshape(pre.shape)


def left(z, f, directions, bias):
    """Rows less their reconstruction, one at a time."""
    return np.array(
        [row - sum(a * d for a, d in zip(of, directions, strict=True)) - bias for row, of in zip(z, f, strict=True)]
    )


def mean_square(residuals):
    """Mean over rows of the squared norm."""
    return sum(residual @ residual for residual in residuals) / len(residuals)


def terms(config, p, still, z, dead=()):
    """The terms of the loss; `still` are the tensors that a term reads and does not train."""
    f, pre, directions, d = in_training(config, p, z), preactivate(config, p, z), decoder(config, p), z.shape[1]
    error = mean_square(left(z, f, directions, p["bias"]))
    if config.kind == "relu":
        norms = [np.sqrt(row @ row) for row in directions]
        return {"error": error, "sparsity": config.l1 * sum(row @ norms for row in f) / len(z)}
    if config.kind == "jumprelu":
        l0 = sum(value > 0 for row in f for value in row) / len(z)
        return {"error": error, "sparsity": config.l0 * ((l0 / config.target - 1) ** 2 if config.target else l0)}
    if config.kind == "gated":
        opened = np.maximum(pre, 0)
        by_gate = left(z, opened, still["decoder"], still["bias"])
        return {"error": error, "sparsity": config.l1 * opened.sum() / len(z), "aux": mean_square(by_gate)}
    residual = left(z, in_training(config, still, z), decoder(config, still), still["bias"])
    if config.kind == "block":
        later = np.array([of_blocks(row, config.size, config.blocks, 2 * config.blocks) for row in pre])
        return {"error": error / d, "aux": mean_square(left(residual, later, directions, 0)) / (d * config.blocks)}
    found = {"error": error / d}
    if config.kind == "matryoshka":
        sizes = [config.width // 2**level for level in range(1, config.levels)]
        nested = [mean_square(left(z, f[:, :size], directions[:size], p["bias"])) / d for size in sizes]
        found = {"nested": sum(nested)} | found
    of_dead = np.array(
        [largest([value if place in dead else 0.0 for place, value in enumerate(row)], config.aux_k) for row in pre]
    )
    share = mean_square(left(residual, of_dead, directions, 0)) / mean_square(residual)
    return found | {"aux": config.aux_weight * share}


def slopes(function, values, step=1e-6):
    """Central differences of each of a function's numbers in each of some values: [terms, *shape of the values]."""
    found = np.zeros((len(function()), *values.shape))
    for place in np.ndindex(values.shape):
        kept = values[place]
        values[place] = kept + step
        above = np.array(function())
        values[place] = kept - step
        found[(slice(None), *place)] = (above - np.array(function())) / (2 * step)
        values[place] = kept
    return found
