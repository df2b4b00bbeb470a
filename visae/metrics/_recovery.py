"""Recovery: how much of a planted truth a dictionary finds, by its directions and by where its features fire."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._matching import match, unit_rows
from visae.networks import Network
from visae.sae import SAE

# Minimum cosine at which a direction counts as the planted one.
MATCHED = 0.9


@dataclass(frozen=True)
class Recovery:
    """How well directions match the planted ones; 1 for the truth itself, in any order.

    matched_fraction: fraction of planted directions whose partner has a cosine of at least 0.9 with them, from 0 to 1.
    mean_cosine:      mean over planted directions of the cosine with their partner, from -1 to 1; 0 for one without.
    """

    matched_fraction: float
    mean_cosine: float


def recovery(directions: Float[Tensor, "m d"], truth: Float[Tensor, "f d"], block_size: int = 1) -> Recovery:
    """Match planted directions one to one to a dictionary's (see `match`), and score the pairs.

    If there are fewer directions than planted ones, those left over count as not recovered.

    block_size: number of consecutive directions that span one subspace (`SAE.block_size`).
    """
    _, _, cosines = match(truth, directions, block_size)
    return Recovery((cosines >= MATCHED).sum().item() / len(truth), cosines.sum().item() / len(truth))


@dataclass(frozen=True, eq=False)
class Detection:
    """How well matched features fire where their planted features fire.

    f1:      [f], F1 of each planted feature, 2 hits / (rows where the match fires + rows where it fires itself), from 0
             to 1: 1 if both fire on the same rows; 0 without a partner; NaN for one that never fires in the data.
    mean_f1: mean over the planted features that fire; NaN if none does.
    """

    f1: Float64[Tensor, " f"]
    mean_f1: float


@torch.inference_mode()
def detection(
    sae: SAE, directions: Float[Tensor, "f d"], pairs: Iterable[tuple[Float[Tensor, "_ d"], Float[Tensor, "_ f"]]]
) -> Detection:
    """Score "the matched feature fires (> 0)" as a predictor of "the planted feature fires (> 0)".

    directions: the planted features' directions, matched one to one to the SAE's as in `recovery`; every pair is
    scored, whatever its cosine. For a block, the component along the planted direction counts.
    pairs:      batches of rows x [n, d] and the values of the planted features at the same positions, [n, f].
    """
    weights = readout(directions, sae.directions, sae.block_size).T.float()
    hits, detected, planted = torch.zeros(3, len(directions), dtype=torch.int64)
    for x, truth in pairs:
        present = truth.cpu() > 0
        fires = sae.encode(x).cpu().float() @ weights > 0
        hits += (fires & present).sum(0)
        detected += fires.sum(0)
        planted += present.sum(0)
    f1 = (2 * hits / (detected + planted).double()).where(planted > 0, torch.nan)
    return Detection(f1, f1.nanmean().item())


def readout(
    truth: Float[Tensor, "f d"], directions: Float[Tensor, "m d"], block_size: int = 1
) -> Float64[Tensor, "f m"]:
    """Weights that read each planted feature's value from the dictionary: 1 for its partner; zeros without one.

    block_size: as in `match`. The weights then give the component of the subspace along the planted direction.
    """
    rows, columns, _ = match(truth, directions, block_size)
    weights = torch.zeros(len(truth), len(directions), dtype=torch.float64)
    if block_size == 1:
        weights[rows, columns] = 1
        return weights
    cosines = unit_rows(truth) @ unit_rows(directions).T
    matched = torch.zeros_like(weights, dtype=torch.bool)
    matched[rows, columns] = True
    same_block = torch.unflatten(matched, 1, (-1, block_size)).any(2).repeat_interleave(block_size, 1)
    return torch.where(same_block, cosines, 0)


@torch.inference_mode()
def planted_rows(
    network: Network, batches: Iterable[Float[Tensor, "_ 3 _ _"]]
) -> Iterator[tuple[Float[Tensor, "n d"], Float[Tensor, "n f"]]]:
    """Yield, for each batch of images, the rows at all positions of a planted network, and the planted values there.

    Raises `VisaeError` for a network without planted features.
    """
    if network.truth is None:
        raise VisaeError(
            f"{network.name} has no planted features, so its ground truth is unknown; use the planted network"
        )
    layer = network.truth.layer
    for images in batches:
        maps = network.maps(images, [layer, "truth"])
        x, truth = (maps[name].permute(0, 2, 3, 1).flatten(0, 2) for name in (layer, "truth"))
        yield x, truth
