"""Metrics of features, learned by an SAE or a toy model: how they are arranged, and how much they help each other.

Each has a shuffled control: the same metric with the relation in question broken and all else kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from visae import metrics
from visae._support import files
from visae._support.seeds import generator
from visae.metrics import correlation, interference, neighbours_kept, pair_agreement, ring_order, standard_errors

HARMONICS = 6
MIN_RING = 5  # features; fewer fit any ring
_DRAWS = 200  # per shuffled control


@dataclass(frozen=True, eq=False)
class SuperposedFeatures:
    """Features of a model, and their activations.

    gram:      [m, m], what feature j adds to the pre-activation of feature i per unit of its activation.
    x:         [rows, m], activations of all features, 0 or more.
    vectors:   [m, d], the features' directions.
    selected:  [n], the features whose arrangement and interference are measured.
    ring:      [r], the features that may lie on a ring.
    at:        [r], their expected angles on it, degrees; `ring` and `at` are empty if no ring is expected.
    """

    gram: Float[Tensor, "m m"]
    x: Float[Tensor, "rows m"]
    vectors: Float[Tensor, "m d"]
    selected: list[int]
    ring: list[int]
    at: Float[Tensor, " r"]


def measure(features: SuperposedFeatures, seed: int) -> dict[str, Any]:
    """Compute all metrics of a model's features; null where undefined."""
    return {
        "arrangement": arrangement(features, seed),
        "interference": interferences(features, seed),
        "ring": ring(features, seed),
    }


def arrangement(features: SuperposedFeatures, seed: int) -> dict[str, Any]:
    """Compare co-activation and cosine over pairs of the selected features.

    r is Pearson's, over pairs; its control reassigns the directions among these features. `error` is its standard error
    for the finite number of rows. 95 % of cosines are within `cosines` of 0. `pairs` has each pair's correlation of
    activations and cosine of directions.
    """
    x = features.x[:, features.selected]
    together = correlation(x)
    unit = F.normalize(features.vectors[features.selected].double(), dim=1)
    cosine = unit @ unit.T
    source = generator(seed, "superposition", "arrangement")
    orders = (torch.randperm(len(cosine), generator=source) for _ in range(_DRAWS))
    shuffled = torch.tensor([pair_agreement(cosine[order][:, order], together) for order in orders])
    defined = shuffled[~shuffled.isnan()]
    (error,) = standard_errors(lambda rows: [pair_agreement(cosine, correlation(rows))], x)
    row, column = torch.triu_indices(len(cosine), len(cosine), 1)
    pairs = torch.stack([together[row, column], cosine[row, column]], 1)
    return files.without_nan(
        {
            "features": len(features.selected),
            "r": pair_agreement(cosine, together),
            "error": error,
            "shuffled_r": shuffled.nanmean().item(),
            "shuffled_sd": defined.std().item() if len(defined) > 1 else None,
            "cosines": cosine[row, column].abs().quantile(0.95).item(),
            "pairs": pairs[~pairs.isnan().any(1)].tolist(),
        }
    )


def interferences(features: SuperposedFeatures, seed: int) -> dict[str, dict[str, Any]]:
    """Measure what other features add to the selected ones (see `helpfulness`), in three ways.

    `read`: as the model reads features. `along`: as if it read them along their own directions, like tied autoencoders;
    a separate encoder may have learned what to raise and what to lower. `shuffled`, the control: as the model reads
    them, with each feature's activations shuffled independently over rows; all fire as often and as strongly, but no
    longer together.
    """
    source = generator(seed, "superposition", "interference")
    x = features.x
    shuffled = torch.stack([column[torch.randperm(len(column), generator=source)] for column in x.T], 1)
    return {
        "read": helpfulness(features.gram, x, features.selected),
        "along": helpfulness(features.vectors @ features.vectors.T, x, features.selected),
        "shuffled": helpfulness(features.gram, shuffled, features.selected),
    }


def helpfulness(gram: Float[Tensor, "m m"], x: Float[Tensor, "rows m"], selected: Sequence[int]) -> dict[str, Any]:
    """Measure how much of other features' contributions to the selected ones helps, and how much these borrow.

    Both come from `visae.metrics.interference`: `constructive` as the mean over features and per feature in
    `by_feature`, `borrowed` over all together. Errors are standard errors for the finite number of rows. Null where
    undefined.
    """
    reduced_gram, reduced = _reduced(gram, x, selected)
    first = range(len(selected))

    def shares(rows: Float[Tensor, "_ k"]) -> list[float]:
        between = interference(reduced_gram, rows).select(first)
        return [between.constructive.nanmean().item(), between.borrowed]

    constructive, borrowed = shares(reduced)
    constructive_error, borrowed_error = standard_errors(shares, reduced)
    by_feature = interference(reduced_gram, reduced).select(first).constructive
    return files.without_nan(
        {
            "constructive": constructive,
            "constructive_error": constructive_error,
            "borrowed": borrowed,
            "borrowed_error": borrowed_error,
            "by_feature": [None if share != share else share for share in by_feature.tolist()],
        }
    )


def _reduced(
    gram: Float[Tensor, "m m"], x: Float[Tensor, "rows m"], selected: Sequence[int]
) -> tuple[Float64[Tensor, "k k"], Float64[Tensor, "rows k"]]:
    """The same interference with three features per selected one: itself, all that raise it, and all that lower it.

    Interference is measured between all pairs of features, but only a few of an SAE's are selected.
    """
    n, own = len(selected), gram[selected][:, selected].diagonal().double()
    others = gram[selected].double()
    others[torch.arange(n), torch.tensor(selected)] = 0
    x = x.double()
    raises, lowers = x @ others.clamp_min(0).T, x @ -others.clamp_max(0).T
    reduced_gram = torch.zeros(3 * n, 3 * n, dtype=torch.float64)
    identity = torch.eye(n, dtype=torch.float64)
    reduced_gram[:n] = torch.cat([own.diag(), identity, -identity], 1)
    return reduced_gram, torch.cat([x[:, selected], raises, lowers], 1)


def ring(features: SuperposedFeatures, seed: int) -> dict[str, Any] | None:
    """Measure whether directions lie on a ring in the plane of their top components, in the expected order.

    angles:     angles in the plane, degrees; rotated and reflected to be as near to the expected ones as possible.
    alike:      `rings_alike` of angles in the plane and expected angles, 1 if equal.
    kept:       share of neighbours around the plane that are neighbours on the ring.
    harmonics:  shares of variance that harmonics 1 to 6 of the expected angle explain, and the mean over shuffles.

    The controls reassign the expected angles among the features of the ring. None for fewer than five features.
    """
    if len(features.ring) < MIN_RING:
        return None
    order = features.at.argsort(stable=True)
    at, unit = features.at[order].double(), F.normalize(features.vectors[features.ring].double().cpu(), dim=1)[order]
    points, share = metrics.ring_plane(unit)
    around = metrics.ring_angles(points)
    source = generator(seed, "superposition", "ring")
    orders = [torch.randperm(len(at), generator=source) for _ in range(_DRAWS)]
    shuffled_harmonics = torch.tensor([metrics.ring_harmonics(unit[order], at, HARMONICS) for order in orders])
    alike = torch.tensor([metrics.rings_alike(around[order], at) for order in orders])
    kept = torch.tensor([neighbours_kept(ring_order(points[order])) for order in orders])
    return {
        "features": len(at),
        "share": share,
        "at": at.tolist(),
        "points": points.tolist(),
        "angles": metrics.turned_onto(around, at).tolist(),
        "alike": metrics.rings_alike(around, at),
        "shuffled_alike": alike.mean().item(),
        "shuffled_alike_95": alike.quantile(0.95).item(),
        "kept": neighbours_kept(ring_order(points)),
        "kept_by_chance": metrics.neighbours_by_chance(len(at)),
        "shuffled_kept_95": kept.quantile(0.95).item(),
        "harmonics": metrics.ring_harmonics(unit, at, HARMONICS),
        "shuffled_harmonics": shuffled_harmonics.mean(0).tolist(),
    }
