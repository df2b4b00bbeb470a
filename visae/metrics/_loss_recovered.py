"""What a network still does when an SAE's reconstruction stands in the place of a layer."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import Network
from visae.sae import SAE


@dataclass(frozen=True)
class Spliced:
    """Means over images of a network with one layer replaced: by the SAE's reconstruction, by zeros, by the mean row.

    images:            how many.
    cross_entropy_*:   of the scores with respect to the clean network's own top class, in nats, since photographs
                       carry no labels; the clean network's is above 0 too.
    kl_*:              KL(clean || replaced) of the distributions over classes, in nats.
    loss_recovered_*:  1 - (CE(sae) - CE(clean)) / (CE(floor) - CE(clean)), with zeros or the mean row as the floor:
                       1 for a perfect SAE, 0 for one no better than the floor (Rajamanoharan et al. 2024, arXiv
                       2404.16014, section 3.2, with zeros). It means little where the floor's CE is near the clean one.
    kl_recovered_*:    1 - KL(sae) / KL(floor).
    The last two are nan where the floor equals the clean network.
    """

    images: int
    cross_entropy_clean: float
    cross_entropy_sae: float
    cross_entropy_zero: float
    cross_entropy_mean: float
    kl_sae: float
    kl_zero: float
    kl_mean: float
    loss_recovered_zero: float
    loss_recovered_mean: float
    kl_recovered_zero: float
    kl_recovered_mean: float


@torch.inference_mode()
def loss_recovered(
    network: Network,
    layer: str,
    saes: Mapping[str, SAE],
    batches: Iterable[Float[Tensor, "_ 3 _ _"]],
    mean: Float[Tensor, " _"],
) -> dict[str, Spliced]:
    """Splice SAEs into a network in the place of a layer, or of a branch, and measure what its classes lose to each.

    mean: [d], the mean row of the layer (see `mean_row`). Sums over images in float64. A batch takes three whole
    forward passes, and one more for each SAE.

    Raises `VisaeError` for an unknown layer, one that no class depends on, a network without classes, and an SAE or a
    mean of another size than the layer.
    """
    _check(network, layer, saes, mean)
    # A sum, and not a view of the mean: the network may go on in place.
    ways: list[Callable[[Tensor], Tensor]] = [
        torch.zeros_like,
        lambda maps: torch.zeros_like(maps) + mean.to(maps)[:, None, None],
        *(partial(_reconstructed, sae) for sae in saes.values()),
    ]
    count = 0
    # The clean network, then the ways.
    entropies, divergences = torch.zeros(2, 1 + len(ways), dtype=torch.float64)
    for images in batches:
        count += len(images)
        clean = _log_probabilities(network.logits(images))
        top = clean.argmax(1)
        for index, put in enumerate([None, *ways]):
            other = clean if put is None else _log_probabilities(network.logits(images, {layer: put}))
            entropies[index] += F.nll_loss(other, top, reduction="sum")
            divergences[index] += F.kl_div(other, clean, reduction="sum", log_target=True)
    clean_and_floors, of_saes = (entropies / count).split([3, len(saes)])
    floors, kl_of_saes = (divergences / count)[1:].split([2, len(saes)])
    return {
        name: _figures(count, [*clean_and_floors.tolist(), of_saes[index].item()], [*floors.tolist(), kl])
        for index, (name, kl) in enumerate(zip(saes, kl_of_saes.tolist(), strict=True))
    }


@torch.inference_mode()
def mean_row(network: Network, layer: str, batches: Iterable[Float[Tensor, "_ 3 _ _"]]) -> Float[Tensor, " d"]:
    """The mean of a layer over all positions of images, in float64 on the way; the rows of a store may favour some."""
    total, count = torch.zeros(network.layer(layer).channels, dtype=torch.float64), 0
    for images in batches:
        maps = network.maps(images, [layer])[layer].cpu().double()
        total += maps.sum((0, 2, 3))
        count += maps[:, 0].numel()
    return (total / max(count, 1)).float()


def _reconstructed(sae: SAE, maps: Tensor) -> Tensor:
    return sae.decode(sae.encode(maps)).to(maps)


def _figures(images: int, entropies: Sequence[float], divergences: Sequence[float]) -> Spliced:
    (clean, zero, mean, sae), (kl_zero, kl_mean, kl_sae) = entropies, divergences
    return Spliced(
        images=images,
        cross_entropy_clean=clean,
        cross_entropy_sae=sae,
        cross_entropy_zero=zero,
        cross_entropy_mean=mean,
        kl_sae=kl_sae,
        kl_zero=kl_zero,
        kl_mean=kl_mean,
        loss_recovered_zero=_recovered(sae - clean, zero - clean),
        loss_recovered_mean=_recovered(sae - clean, mean - clean),
        kl_recovered_zero=_recovered(kl_sae, kl_zero),
        kl_recovered_mean=_recovered(kl_sae, kl_mean),
    )


def _recovered(lost: float, floor: float) -> float:
    return 1 - lost / floor if floor else math.nan


def _log_probabilities(logits: Float[Tensor, "b classes"]) -> Float64[Tensor, "b classes"]:
    return logits.cpu().double().log_softmax(1)


def _check(network: Network, layer: str, saes: Mapping[str, SAE], mean: Float[Tensor, " _"]) -> None:
    channels = network.layer(layer).channels
    sizes = {f"the SAE {name}".rstrip(): sae.dim for name, sae in saes.items()}
    for what, size in {**sizes, "the mean": len(mean)}.items():
        if size != channels:
            raise VisaeError(f"{what} is for {size} channels, and {layer} of {network.name} has {channels}")
