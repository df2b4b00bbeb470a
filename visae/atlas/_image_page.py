"""Images in an atlas: the list of shown images with their credits, and what fires at each position of an image."""

import os
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from visae.atlas._credits import Credit
from visae.atlas._measurements import UnitMeasurements
from visae.atlas._site import packed, rounded
from visae.atlas._statistics_pass import ImageActivations
from visae.images import Images

FEATURES, NEURONS = 8, 6  # kept at each position
LEVELS = 63  # quantisation of values; with 255 the data of a thousand images are a fifth larger


def image_page(activations: ImageActivations) -> dict[str, Any]:
    """Return the data of one image, over p = h w positions in row-major order.

    `data` is a sequence of byte planes, compressed by zlib. For features, strongest first: their numbers, high byte [k,
    p] and low byte [k, p], and their values [k, p], in LEVELS steps of the image's largest. For neurons the same, and
    their reconstruction [k, p] on the neurons' scale. Last, the unexplained share at each position,
    |x - x_hat|^2 / |x|^2, [p], with 1 and above as LEVELS.
    """
    neurons, features = activations.maps
    h, w = neurons.shape[1:]
    x, reconstruction = neurons.flatten(1), activations.reconstruction.flatten(1)
    planes, largest = [], []
    for values, kept in ((features.flatten(1), FEATURES), (x, NEURONS)):
        strongest, units = values.topk(min(kept, len(values)), dim=0)
        maximum = max(float(values.max()), 1e-12)
        planes += [_bytes(units // 256), _bytes(units % 256), _quantised(strongest, maximum)]
        largest.append(maximum)
    planes.append(_quantised(reconstruction.gather(0, units), largest[1]))
    unexplained = (x - reconstruction).square().sum(0) / x.square().sum(0).clamp_min(1e-12)
    planes.append(_quantised(unexplained[None], 1.0))
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


def _quantised(values: Float[Tensor, "k p"], largest: float) -> UInt8[np.ndarray, "k p"]:
    """Quantise to LEVELS steps; values above zero never become 0."""
    steps = (values / largest).clamp(0, 1) * LEVELS
    return _bytes(torch.where(values > 0, steps.round().clamp_min(1), 0))


def image_list(
    population: UnitMeasurements, images: Images, shown: Sequence[int], credits: Mapping[str, Credit]
) -> dict[str, Any]:
    """Return the names and credits of the images that the atlas shows.

    shown: their indices in the source.
    """
    keys = [images.key(image) for image in shown]
    return {
        "size": images.size,
        "name": os.path.basename(images.name.rstrip("/")),
        "searched": population.examples.images,
        "skipped": population.examples.skipped,
        "indices": list(shown),
        "keys": _relative_names(keys),
        "credits": _credit_table([credits.get(key, Credit()) for key in keys]),
    }


def _relative_names(keys: Sequence[str]) -> list[str]:
    """Strip the private folders that lead to the images on this machine."""
    absolute = [key for key in keys if os.path.isabs(key)]
    parent = os.path.commonpath([os.path.dirname(key) for key in absolute]) if absolute else ""
    # Files that share nothing but the root keep only their base names.
    relative = os.path.basename if parent == os.path.sep else lambda key: os.path.relpath(key, parent)
    return [relative(key) if os.path.isabs(key) else os.path.normpath(key) for key in keys]


def _credit_table(credits: Sequence[Credit]) -> dict[str, Any]:
    """Return the distinct credits, and the row of each image's credit."""
    distinct = list(dict.fromkeys(credits))
    row = {credit: index for index, credit in enumerate(distinct)}
    return {
        "rows": [[credit.author, credit.licence, credit.origin] for credit in distinct],
        "row": [row[credit] for credit in credits],
    }
