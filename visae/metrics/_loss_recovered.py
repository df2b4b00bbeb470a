"""Loss recovered: how much performance a network keeps when an SAE's reconstruction replaces one of its layers."""

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
class LossRecovered:
    """Means over images of a network with one layer replaced by the SAE's reconstruction, by zeros, or by the mean row.

    images:            number of images.
    cross_entropy_*:   of the scores with respect to the top class of the clean network, in nats, since photographs
                       carry no labels; above 0 for the clean network, too.
    kl_*:              KL(clean || replaced) between the distributions over classes, in nats; from 0.
    loss_recovered_*:  1 - (CE(sae) - CE(clean)) / (CE(floor) - CE(clean)), where the floor is zeros or the mean row:
                       1 for a perfect SAE, 0 for one no better than the floor (Rajamanoharan et al. 2024, arXiv
                       2404.16014, section 3.2, with zeros). Unreliable if the CE of the floor is close to the clean CE.
    kl_recovered_*:    1 - KL(sae) / KL(floor), up to 1: 1 for a perfect SAE, 0 for one no better than the floor. The
    last two are NaN if the floor equals the clean network.
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
) -> dict[str, LossRecovered]:
    """Replace a layer or branch of a network by each SAE's reconstruction, and measure the loss of its class scores.

    saes:    by name; the result has the same names.
    batches: batches of RGB images, 0..1. Each takes three complete forward passes, and one more per SAE.
    mean:    [d], the mean row of the layer (see `mean_row`).

    Sums over images are in float64. Raises `VisaeError` for an unknown layer, one that no class depends on, a network
    without classes, and an SAE or a mean whose width differs from the layer's.
    """
    _check_widths(network, layer, saes, mean)
    # A sum, not a view of the mean: the network may modify it in place.
    replacements: list[Callable[[Tensor], Tensor]] = [
        torch.zeros_like,
        lambda maps: torch.zeros_like(maps) + mean.to(maps)[:, None, None],
        *(partial(_reconstructed, sae) for sae in saes.values()),
    ]
    count = 0
    # Of the clean network, then of each replacement.
    entropies, divergences = torch.zeros(2, 1 + len(replacements), dtype=torch.float64)
    for images in batches:
        count += len(images)
        clean = _log_probabilities(network.logits(images))
        top = clean.argmax(1)
        for index, replacement in enumerate([None, *replacements]):
            scores = clean
            if replacement is not None:
                scores = _log_probabilities(network.logits(images, {layer: replacement}))
            entropies[index] += F.nll_loss(scores, top, reduction="sum")
            divergences[index] += F.kl_div(scores, clean, reduction="sum", log_target=True)
    clean_and_floors, sae_entropies = (entropies / count).split([3, len(saes)])
    floors, sae_divergences = (divergences / count)[1:].split([2, len(saes)])
    return {
        name: _metrics(count, [*clean_and_floors.tolist(), sae_entropies[index].item()], [*floors.tolist(), kl])
        for index, (name, kl) in enumerate(zip(saes, sae_divergences.tolist(), strict=True))
    }


@torch.inference_mode()
def mean_row(network: Network, layer: str, batches: Iterable[Float[Tensor, "_ 3 _ _"]]) -> Float[Tensor, " d"]:
    """Average a layer over all positions of images, in float64. The rows of a store may over-sample some positions."""
    total, count = torch.zeros(network.layer(layer).channels, dtype=torch.float64), 0
    for images in batches:
        maps = network.maps(images, [layer])[layer].cpu().double()
        total += maps.sum((0, 2, 3))
        count += maps[:, 0].numel()
    return (total / max(count, 1)).float()


def _reconstructed(sae: SAE, maps: Tensor) -> Tensor:
    return sae.decode(sae.encode(maps)).to(maps)


def _metrics(images: int, entropies: Sequence[float], divergences: Sequence[float]) -> LossRecovered:
    (clean, zero, mean, sae), (kl_zero, kl_mean, kl_sae) = entropies, divergences
    return LossRecovered(
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


def _check_widths(network: Network, layer: str, saes: Mapping[str, SAE], mean: Float[Tensor, " _"]) -> None:
    channels = network.layer(layer).channels
    widths = {f"the SAE {name}".rstrip(): sae.dim for name, sae in saes.items()}
    for what, width in {**widths, "the mean": len(mean)}.items():
        if width != channels:
            raise VisaeError(f"{what} is for {width} channels, but {layer} of {network.name} has {channels}")
