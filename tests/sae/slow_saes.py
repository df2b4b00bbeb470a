"""References for every kind of SAE, written from its paper's formulas: slow, in NumPy and float64, row by row."""

import numpy as np


def tensors(sae):
    """Return copies of an SAE's tensors in float64, by name."""
    return {name: value.detach().double().numpy().copy() for name, value in sae.state_dict().items()}


def keep_largest(row, k):
    """Keep the k largest positive values of a row, the first among equals, and set the rest to zero."""
    kept = sorted(range(len(row)), key=lambda column: -row[column])[:k]
    return np.array([value if column in kept and value > 0 else 0.0 for column, value in enumerate(row)])


def keep_blocks(row, size, first, last):
    """Keep the blocks of a row with ranks `first` to before `last` by norm, and set the rest to zero."""
    norms = [np.linalg.norm(row[start : start + size]) for start in range(0, len(row), size)]
    kept = sorted(range(len(norms)), key=lambda block: -norms[block])[first:last]
    return np.array([value if column // size in kept else 0.0 for column, value in enumerate(row)])


def decoder(config, p):
    """Return the directions that the reconstruction sums."""
    if config.kind != "archetypal":
        return p["decoder"]
    combined = [
        sum(weight * centroid for weight, centroid in zip(weights, p["centroids"], strict=True)) + relaxation
        for weights, relaxation in zip(p["mixture"], p["relaxation"], strict=True)
    ]
    return np.exp(p["log_scale"]) * np.array(combined)


def pre_activations(config, p, z):
    """Apply the encoder's affine map to standardised rows."""
    if config.kind == "block":
        gains = [np.exp(p["log_gain"][feature // config.size]) for feature in range(config.width)]
        return np.array([[g * (d @ (row - p["bias"])) for g, d in zip(gains, p["decoder"], strict=True)] for row in z])
    origin = 0 if config.baseline else p["bias"]
    return np.array(
        [[e @ (row - origin) + b for e, b in zip(p["encoder"], p["encoder_bias"], strict=True)] for row in z]
    )


def features(config, p, z):
    """Encode standardised rows as the SAE does in use."""
    pre = pre_activations(config, p, z)
    if config.kind in ("topk", "archetypal"):
        return np.array([keep_largest(row, config.k) for row in pre])
    if config.kind in ("batchtopk", "matryoshka"):
        return np.where((pre > 0) & (pre >= p["threshold"]), pre, 0)
    if config.kind == "jumprelu":
        return np.where(pre > np.exp(p["log_threshold"]), pre, 0)
    if config.kind == "gated":
        shared = np.array([[e @ (row - p["bias"]) for e in p["encoder"]] for row in z])
        return (pre > 0) * np.maximum(np.exp(p["r_mag"]) * shared + p["magnitude_bias"], 0)
    if config.kind == "block":
        return np.array([keep_blocks(row, config.size, 0, config.blocks) for row in pre])
    if config.kind == "relu":
        return np.maximum(pre, 0)
    return np.array([keep_largest(abs(row), config.k or len(row)) * np.sign(row) for row in pre])


def training_features(config, p, z):
    """Encode standardised rows as the training loss does."""
    if config.kind not in ("batchtopk", "matryoshka"):
        return features(config, p, z)
    pre = pre_activations(config, p, z)
    return keep_largest(pre.flatten(), config.k * len(z)).reshape(pre.shape)


def residuals(z, f, directions, bias):
    """Subtract from each row its reconstruction."""
    return np.array(
        [
            row - sum(value * direction for value, direction in zip(values, directions, strict=True)) - bias
            for row, values in zip(z, f, strict=True)
        ]
    )


def training_residuals(config, p, z):
    """Subtract from each row its reconstruction in training."""
    return residuals(z, training_features(config, p, z), decoder(config, p), p["bias"])


def mean_square(rows):
    """Return the mean over rows of the squared norm."""
    return sum(row @ row for row in rows) / len(rows)


def loss_terms(config, p, frozen, z, dead=()):
    """Return the terms of the training loss by name.

    frozen:  the parameters, and under `residuals` the residuals in training, as a term uses them that does not train
             them.
    """
    pre, directions, d = pre_activations(config, p, z), decoder(config, p), z.shape[1]
    f = training_features(config, p, z)
    error = mean_square(residuals(z, f, directions, p["bias"]))
    if config.kind == "relu":
        norms = [np.sqrt(row @ row) for row in directions]
        return {"error": error, "sparsity": config.l1 * sum(row @ norms for row in f) / len(z)}
    if config.kind == "jumprelu":
        l0 = sum(value > 0 for row in f for value in row) / len(z)
        penalty = 5 * d * (l0 / config.target - 1) ** 2 if config.target else config.l0 * l0
        return {"error": error, "sparsity": penalty}
    if config.kind == "gated":
        gate = np.maximum(pre, 0)
        by_gate = residuals(z, gate, frozen["decoder"], frozen["bias"])
        return {"error": error, "sparsity": config.l1 * gate.sum() / len(z), "aux": mean_square(by_gate)}
    if config.kind == "block":
        runners_up = np.array([keep_blocks(row, config.size, config.blocks, 2 * config.blocks) for row in pre])
        aux = mean_square(residuals(frozen["residuals"], runners_up, directions, 0)) / (d * config.blocks)
        return {"error": error / d, "aux": aux}
    nested = {"nested": nested_error(config, p, z, f)} if config.kind == "matryoshka" else {}
    share = auxk_share(pre, directions, frozen["residuals"], dead, config.aux_k)
    return nested | {"error": error / d, "aux": config.aux_weight * share}


def nested_error(config, p, z, f):
    """Sum the errors per dimension of the reconstructions from all proper prefixes."""
    sizes = [config.width // 2**level for level in range(1, config.levels)]
    errors = [mean_square(residuals(z, f[:, :size], p["decoder"][:size], p["bias"])) for size in sizes]
    return sum(errors) / z.shape[1]


def auxk_share(pre, directions, residual, dead, k):
    """Return the share of the residual that the k strongest dead features of each row leave unexplained."""
    dead_only = [[value if column in dead else 0.0 for column, value in enumerate(row)] for row in pre]
    f = np.array([keep_largest(row, k) for row in dead_only])
    return mean_square(residuals(residual, f, directions, 0)) / mean_square(residual)


def numerical_gradients(function, values, step=1e-6):
    """Differentiate each number that a function returns in each of some values: [numbers, *shape of the values]."""
    gradients = np.zeros((len(function()), *values.shape))
    for index in np.ndindex(values.shape):
        original = values[index]
        values[index] = original + step
        above = np.array(function())
        values[index] = original - step
        gradients[(slice(None), *index)] = (above - np.array(function())) / (2 * step)
        values[index] = original
    return gradients
