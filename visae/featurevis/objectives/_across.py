"""Objectives of several images at once: how different or alike they are, and the way from one to another."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from visae._support.errors import VisaeError
from visae.featurevis.objectives._objective import Objective, Seen


def interpolation(one: Objective, other: Objective, count: int) -> Objective:
    """`count` images from one objective to another: image i has (1 - t) one + t other, t = i / (count - 1)."""
    if count < 2:
        raise VisaeError(f"an interpolation of {count} images; it needs at least 2, its two ends")
    for end in (one, other):
        if end.labels and len(end.labels) != count:
            own = f"one end of which is of {len(end.labels)}"
            raise VisaeError(f"an interpolation of {count} images, {own}; give each end one unit, or as many")

    def value(seen: Seen) -> Tensor:
        first, second = one.value(seen), other.value(seen)
        t = seen.index.to(first) / (count - 1)
        return torch.lerp(first, second, t)

    labels = tuple(f"{place / (count - 1):.2f} of the way" for place in range(count))
    together = math.lcm(one.together, other.together)
    return Objective(value, one.layers | other.layers, labels, together, one.centred and other.centred)


def diversity(layer: str, among: int) -> Objective:
    """How different `among` consecutive images look to a layer, 0 at most: minus the mean cosine of their styles.

    An image's style is the Gram matrix of its maps, G = M M^T over positions (Gatys et al. 2015; lucid's `diversity`).
    """
    if among < 2:
        raise VisaeError(f"diversity among {among} images; it needs at least 2")

    def value(seen: Seen) -> Tensor:
        maps = seen.maps[layer].flatten(2)
        style = F.normalize((maps @ maps.mT).flatten(1), dim=1)
        style = style.reshape(-1, among, style.shape[1])
        cosines = style @ style.mT - torch.eye(among).to(style)
        return -cosines.sum(2).flatten() / (among - 1)

    return Objective(value, frozenset([layer]), together=among)


def alignment(layer: str, among: int) -> Objective:
    """How alike neighbours of `among` consecutive images look to a layer, 0 at most.

    Minus the mean squared difference of their maps over the maps' mean square; an image has one or two neighbours. For
    the images of an `interpolation`, so that they change no more than they must.
    """
    if among < 2:
        raise VisaeError(f"alignment among {among} images; it needs at least 2")

    def value(seen: Seen) -> Tensor:
        maps = seen.maps[layer].reshape(len(seen.index) // among, among, -1)
        apart = (maps[:, 1:] - maps[:, :-1]).square().mean(2) / (maps.square().mean((1, 2))[:, None] + 1e-12)
        return -(F.pad(apart, (0, 1)) + F.pad(apart, (1, 0))).flatten()

    return Objective(value, frozenset([layer]), together=among)
