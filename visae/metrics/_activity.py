"""Whether found features fire where the planted ones do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._matching import readout
from visae.networks import Network
from visae.sae import SAE


@dataclass(frozen=True, eq=False)
class Activity:
    """How well the features matched to planted ones tell where these fire.

    f1:      [f], F1 of each planted feature, 2 hits / (fires found + fires planted); 0 for one without a partner, nan
             for one that never fires in the data.
    mean_f1: mean over the planted features that do fire; nan if none does.
    """

    f1: Float64[Tensor, " f"]
    mean_f1: float


@torch.inference_mode()
def activity(
    sae: SAE, directions: Float[Tensor, "f d"], pairs: Iterable[tuple[Float[Tensor, "_ d"], Float[Tensor, "_ f"]]]
) -> Activity:
    """Score "the found feature fires (> 0)" as a predictor of "the planted feature fires (> 0)".

    directions: of the planted features. They are matched one to one to the SAE's, as in `recovery`, and whatever the
                cosine of a match is, the pair is scored. Of a block the part along the planted direction counts.
    pairs:      batches of rows x [n, d] and, of the same positions, the planted features' values [n, f].
    """
    read = readout(directions, sae.directions, sae.block_size).T.float()
    hits, found, planted = torch.zeros(3, len(directions), dtype=torch.int64)
    for x, truth in pairs:
        present = truth.cpu() > 0
        fires = sae.encode(x).cpu().float() @ read > 0
        hits += (fires & present).sum(0)
        found += fires.sum(0)
        planted += present.sum(0)
    f1 = (2 * hits / (found + planted).double()).where(planted > 0, torch.nan)
    return Activity(f1, f1.nanmean().item())


@torch.inference_mode()
def planted_rows(
    network: Network, batches: Iterable[Float[Tensor, "_ 3 _ _"]]
) -> Iterator[tuple[Float[Tensor, "n d"], Float[Tensor, "n f"]]]:
    """For each batch of images, the rows at all positions of a planted network's layer, and the planted values there.

    Raises `VisaeError` for a network in which nothing is planted.
    """
    if network.truth is None:
        raise VisaeError(f"nothing is planted in {network.name}: its truth is not known; take the planted network")
    layer = network.truth.layer
    for images in batches:
        maps = network.maps(images, [layer, "truth"])
        x, truth = (maps[name].permute(0, 2, 3, 1).flatten(0, 2) for name in (layer, "truth"))
        yield x, truth
