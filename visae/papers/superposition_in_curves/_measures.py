"""What is asked of features alike, whether an SAE learned them or a toy: how they are arranged, and what they share.

Each measure comes with its shuffled control, the same measure where what is asked about is broken and all else kept.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._support.seeds import generator
from visae.papers.bag_of_words import _rings as rings
from visae.papers.bag_of_words import agreement, correlation
from visae.papers.superposition_in_curves._helped import helped
from visae.papers.superposition_in_curves._jackknife import standard_errors

HARMONICS = 6
LEAST = 5  # features; fewer lie on any ring
_DRAWS = 200  # of a shuffled control


@dataclass(frozen=True, eq=False)
class Superposed:
    """Features of a model, and how they fire.

    gram:      [m, m], what one unit of feature j adds to the pre-activation of feature i.
    x:         [rows, m], activations of all features, 0 or more.
    vectors:   [m, d], the features' directions.
    asked:     [n], the features whose arrangement and interference are asked about.
    ring:      [r], the features that are asked whether they lie on a ring, and
    at:        [r], where on it they belong, degrees; both empty where nothing says so.
    """

    gram: Float[Tensor, "m m"]
    x: Float[Tensor, "rows m"]
    vectors: Float[Tensor, "m d"]
    asked: list[int]
    ring: list[int]
    at: Float[Tensor, " r"]


def figures(of: Superposed, seed: int) -> dict[str, Any]:
    """All measures of a model; those that are not defined are null."""
    return {"arrangement": arrangement(of, seed), "interference": interferences(of, seed), "ring": ring(of, seed)}


def arrangement(of: Superposed, seed: int) -> dict[str, Any]:
    """Co-activation against cosine over pairs of the features asked about.

    r is Pearson's over pairs; its control gives the directions to other features of these. `error` is its standard
    error for there being no more rows. 95 of 100 cosines are within `cosines` of 0. `pairs` has for each pair the
    correlation of activations and the cosine of directions.
    """
    together = correlation(of.x[:, of.asked])
    unit = F.normalize(of.vectors[of.asked].double(), dim=1)
    cosine = unit @ unit.T
    source = generator(seed, "superposition", "arrangement")
    orders = (torch.randperm(len(cosine), generator=source) for _ in range(_DRAWS))
    shuffled = torch.tensor([agreement(cosine[order][:, order], together) for order in orders])
    (error,) = standard_errors(lambda x: [agreement(cosine, correlation(x))], of.x[:, of.asked])
    row, column = torch.triu_indices(len(cosine), len(cosine), 1)
    pairs = torch.stack([together[row, column], cosine[row, column]], 1)
    return files.without_nan(
        {
            "features": len(of.asked),
            "r": agreement(cosine, together),
            "error": error,
            "shuffled_r": shuffled.nanmean().item(),
            "shuffled_sd": _deviation(shuffled),
            "cosines": cosine[row, column].abs().quantile(0.95).item(),
            "pairs": pairs[~pairs.isnan().any(1)].tolist(),
        }
    )


def interferences(of: Superposed, seed: int) -> dict[str, dict[str, Any]]:
    """What other features add to those asked about, as `helped` measures it, in three ways.

    `read`: as the model reads features. `along`: as if it read them along their own directions, as tied autoencoders
    do; an encoder of its own may have learned what to raise and what to lower. `shuffled`, the control: as the model
    reads them, each feature's activations shuffled over rows by themselves; all fire as often, and as strongly, but no
    longer together.
    """
    source = generator(seed, "superposition", "interference")
    apart = torch.stack([column[torch.randperm(len(column), generator=source)] for column in of.x.T], 1)
    return {
        "read": helped(of.gram, of.x, of.asked),
        "along": helped(of.vectors @ of.vectors.T, of.x, of.asked),
        "shuffled": helped(of.gram, apart, of.asked),
    }


def ring(of: Superposed, seed: int) -> dict[str, Any] | None:
    """Whether directions lie on a ring in the plane of their top components, in the order in which they belong.

    angles:     in the plane, degrees; turned and mirrored so that they are as near to the places as they can be.
    alike:      `rings.turned_alike` of angles in the plane and places on the ring, 1 for the same.
    kept:       share of neighbours around the plane that are neighbours on the ring.
    harmonics:  shares of variance that harmonics 1 to 6 of the place explain, and by chance: the mean over shuffles.

    The controls give the places to other features of the ring. None where fewer than five features are asked.
    """
    if len(of.ring) < LEAST:
        return None
    belong = of.at.argsort(stable=True)
    at, unit = of.at[belong].double(), F.normalize(of.vectors[of.ring].double().cpu(), dim=1)[belong]
    points, share = rings.plane(unit)
    around = rings.angles(points)
    source = generator(seed, "superposition", "ring")
    orders = [torch.randperm(len(at), generator=source) for _ in range(_DRAWS)]
    chance = torch.tensor([rings.harmonics(unit[order], at, HARMONICS) for order in orders])
    alike = torch.tensor([rings.turned_alike(around[order], at) for order in orders])
    kept = torch.tensor([rings.neighbours_kept(rings.order(points[order])) for order in orders])
    return {
        "features": len(at),
        "share": share,
        "at": at.tolist(),
        "points": points.tolist(),
        "angles": rings.turned(around, at).tolist(),
        "alike": rings.turned_alike(around, at),
        "shuffled_alike": alike.mean().item(),
        "shuffled_alike_95": alike.quantile(0.95).item(),
        "kept": rings.neighbours_kept(rings.order(points)),
        "kept_by_chance": rings.neighbours_by_chance(len(at)),
        "shuffled_kept_95": kept.quantile(0.95).item(),
        "harmonics": rings.harmonics(unit, at, HARMONICS),
        "shuffled_harmonics": chance.mean(0).tolist(),
    }


def _deviation(values: Float[Tensor, " n"]) -> float:
    there = values[~values.isnan()]
    return there.std().item() if len(there) > 1 else float("nan")
