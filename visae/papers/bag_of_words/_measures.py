"""What is measured of one autoencoder over bags, synthetic or of text."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support import files
from visae.papers.bag_of_words import _rings as rings
from visae.papers.bag_of_words._autoencoders import Stack
from visae.papers.bag_of_words._coactivation import agreement
from visae.papers.bag_of_words._interference import Interference, r2, r2_alone

_HARMONICS = 4
_SOME = 500  # features of which more than the mean is kept, where there are many


def member_figures(
    one: Stack, x: Float[Tensor, "b n"], correlations: Float64[Tensor, "n n"], between: Interference
) -> dict[str, Any]:
    """The figures of a stack of one: means over features, and R2 in context and alone, of each or of some.

    x:             held-out bags.
    correlations:  of these, which the model cannot have learned by accident.
    between:       the interference of its features over these.
    """
    x_hat = one.reconstruct(x[None])[0]
    in_context, alone = r2(x, x_hat), r2_alone(lambda single: one.reconstruct(single[None])[0], x)
    seen = in_context.isfinite()  # a word that no held-out bag has, or every bag, has no R2
    figures = {
        "residual": (x - x_hat).square().sum(1).double().mean().item(),
        "agreement": agreement(one.gram()[0], correlations),
        "r2": in_context[seen].mean().item(),
        "r2_alone": alone[seen].mean().item(),
        "own": between.own.nanmean().item(),
        "lift": between.lift.nanmean().item(),
        "borrowed": between.borrowed,
        "present": between.present.nanmean().item(),
        "absent": between.absent.nanmean().item(),
        "constructive": between.constructive.nanmean().item(),
    }
    some = slice(None, None, max(int(seen.sum()) // _SOME, 1))
    return {
        **files.without_nan(figures),
        "r2_of_some": in_context[seen][some].tolist(),
        "r2_alone_of_some": alone[seen][some].tolist(),
    }


def ring_figures(vectors: Float[Tensor, "n d"]) -> dict[str, Any]:
    """The ring of items that should lie in their order: where they lie in the plane, and how well in order."""
    points, share = rings.plane(vectors)
    even = 360 * torch.arange(len(points), dtype=torch.float64) / len(points)
    return {
        "kept": rings.neighbours_kept(rings.order(points)),
        "turned_alike": rings.turned_alike(rings.angles(points), even),
        "plane": share,
        "harmonics": rings.harmonics(vectors, even, min(_HARMONICS, len(points) // 2)),
        "points": points.tolist(),
    }


def mean_and_spread(values: Iterable[float | None]) -> tuple[float, float]:
    """The mean of a figure over seeds, and its standard deviation (that of a sample); null figures are left out."""
    known = torch.tensor([value for value in values if value is not None], dtype=torch.float64)
    return known.mean().item(), known.std().item()
