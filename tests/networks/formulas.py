"""InceptionV1's operations written out from their formulas in float64 NumPy, slowly. Maps are [c, h, w]."""

import math

import numpy as np


def tensorflow_pads(size, kernel, stride):
    """`SAME` padding as stated in TensorFlow's documentation of convolutions."""
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def windows(x, kernel, stride, pads, fill):
    """All windows, [h, w, c, kernel, kernel], of maps padded by (before, after) in rows and columns."""
    padded = np.pad(x, ((0, 0), *pads), constant_values=fill)
    rows, columns = (range(0, side - kernel + 1, stride) for side in padded.shape[1:])
    return np.array([[padded[:, i : i + kernel, j : j + kernel] for j in columns] for i in rows])


def conv(x, weight, bias, stride, pads):
    patches = windows(x, weight.shape[2], stride, pads, 0.0)
    return np.einsum("hwcij,mcij->mhw", patches, weight) + bias[:, None, None]


def same_conv(x, weight, bias, stride=1):
    return conv(x, weight, bias, stride, [tensorflow_pads(side, weight.shape[2], stride) for side in x.shape[1:]])


def caffe_conv(x, weight, bias, stride=1):
    pad = (weight.shape[2] - 1) // 2
    return conv(x, weight, bias, stride, [(pad, pad)] * 2)


def same_max_pool(x, stride):
    pads = [tensorflow_pads(side, 3, stride) for side in x.shape[1:]]
    return windows(x, 3, stride, pads, -np.inf).max((3, 4)).transpose(2, 0, 1)


def caffe_max_pool(x, stride):
    """Caffe's pooling layer: all windows that reach into the map, each truncated at the border."""
    pad = 1 if stride == 1 else 0
    counts = [math.ceil((side + 2 * pad - 3) / stride) + 1 for side in x.shape[1:]]
    out = np.empty((len(x), *counts))
    for i in range(counts[0]):
        for j in range(counts[1]):
            top, left = i * stride - pad, j * stride - pad
            out[:, i, j] = x[:, max(top, 0) : top + 3, max(left, 0) : left + 3].max((1, 2))
    return out


def lrn(x, radius, alpha, beta, k):
    """Krizhevsky et al. 2012, section 3.3."""
    out = np.empty_like(x)
    for c in range(len(x)):
        near = x[max(c - radius, 0) : c + radius + 1]
        out[c] = x[c] / (k + alpha * (near**2).sum(0)) ** beta
    return out


def tensorflow_lrn(x):
    """tf.nn.lrn(x, depth_radius=5, bias=2, alpha=1e-4, beta=0.5)."""
    return lrn(x, radius=5, alpha=1e-4, beta=0.5, k=2.0)


def caffe_lrn(x):
    """LRN of BVLC GoogLeNet: local_size 5, alpha 1e-4 over the whole window, beta 0.75, k 1."""
    return lrn(x, radius=2, alpha=1e-4 / 5, beta=0.75, k=1.0)
