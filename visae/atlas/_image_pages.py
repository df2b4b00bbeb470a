"""What is shown of one image: at each position the strongest neurons and features, and what is reconstructed there."""

import zlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae.atlas._site import packed, rounded
from visae.atlas._statistics_pass import Look

FEATURES, NEURONS = 8, 6  # that are kept at each position
LEVELS = 63  # values are told apart to; with 255 the data of a thousand images are larger by a fifth


def image_page(look: Look) -> dict[str, Any]:
    """The data of one image, over p = h w positions, row by row.

    Bytes, compressed, plane after plane: of the features, the strongest first, their numbers (high byte [k, p], low
    byte [k, p]) and values [k, p], in LEVELS steps of the image's largest; of the neurons the same, and their
    reconstruction [k, p] on the neurons' scale; and the share of each position that is not reconstructed,
    |x - x_hat|^2 / |x|^2, [p], 1 and above as LEVELS.
    """
    neurons, features = look.maps
    h, w = neurons.shape[1:]
    x, rebuilt = neurons.flatten(1), look.rebuilt.flatten(1)
    planes, largest = [], []
    for values, most in ((features.flatten(1), FEATURES), (x, NEURONS)):
        strongest, which = values.topk(min(most, len(values)), dim=0)
        top = max(float(values.max()), 1e-12)
        planes += [_bytes(which // 256), _bytes(which % 256), _scaled(strongest, top)]
        largest.append(top)
    planes.append(_scaled(rebuilt.gather(0, which), largest[1]))
    missed = (x - rebuilt).square().sum(0) / x.square().sum(0).clamp_min(1e-12)
    planes.append(_scaled(missed[None], 1.0))
    data = zlib.compress(b"".join(plane.tobytes() for plane in planes), 9)
    return {
        "height": h,
        "width": w,
        "levels": LEVELS,
        "features": min(FEATURES, len(features)),
        "neurons": min(NEURONS, len(x)),
        "largest": rounded(largest),
        "data": packed(np.frombuffer(data, np.uint8)),
    }


def _bytes(values: Tensor) -> UInt8[np.ndarray, "k p"]:
    return values.to(torch.uint8).numpy()


def _scaled(values: Float[Tensor, "k p"], largest: float) -> UInt8[np.ndarray, "k p"]:
    """In steps; what is above zero is never 0."""
    shares = (values / largest).clamp(0, 1) * LEVELS
    return _bytes(torch.where(values > 0, shares.round().clamp_min(1), 0))
