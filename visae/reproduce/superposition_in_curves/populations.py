"""The features that are compared: of an SAE over a layer, and of the two toys, which are the nulls."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.activations import Rows
from visae.errors import VisaeError
from visae.reproduce.populations import Found
from visae.reproduce.superposition_in_curves.measures import Superposed
from visae.sae import SAE
from visae.seeds import generator
from visae.toys import persian_rug
from visae.toys.bag_of_words import Drawn, Recipe, fit
from visae.toys.bag_of_words.fitting import Fitting
from visae.toys.bag_of_words.synthetic import Mixture, circular, independent

CIRCLE, INDEPENDENT, RUG = "bag of words, circular", "bag of words, independent", "Persian rug"
_ROWS = 50_000  # of which co-activation is measured, at most
_BAGS = 8000
# Half as many as the twelve features, and the paper's larger weight decay: there correlation alone makes a ring.
_LATENT, _DECAY = 6, 6.0
_RUG, _RATIO = 64, 0.25
_FITTING, _TRAINING = Fitting(epochs=100), persian_rug.Training(steps=1000)


@dataclass(frozen=True)
class Toys:
    """How long the toys are trained."""

    bags: Fitting = _FITTING
    rug: persian_rug.Training = _TRAINING


def of_dictionary(sae: SAE, rows: Rows, found: Found, seed: int) -> Superposed:
    """An SAE's features over rows of its layer; curves and lines are asked about, and whether curves lie on a ring.

    What feature j adds to the pre-activation of feature i is the product of i's encoder and j's decoder direction.
    Raises `VisaeError` where there are fewer than three curves and lines, and for an SAE whose features may be
    negative.
    """
    families = found.families
    curves = found.curves.units
    lines = families.members["line"].nonzero().flatten().tolist()
    if len(curves) + len(lines) < 3:
        raise VisaeError(
            f"{found.units.layer.name} has {len(curves)} curve and {len(lines)} line features; co-activation of pairs "
            "is asked of 3 or more: try another layer, or a wider dictionary"
        )
    chosen = torch.randperm(len(rows), generator=generator(seed, "superposition", "rows"))[:_ROWS].sort().values
    x = torch.cat([sae.encode(rows.gather(part)).cpu() for part in torch.split(chosen, 4096)])
    if (x < 0).any():
        raise VisaeError("features of this kind of SAE may be negative; interference is asked of those that are not")
    gram = (sae.encoder @ sae.decoder.T).detach().cpu()
    at = families.orientation["curve"][curves].cpu()
    return Superposed(gram, x, sae.directions.detach().cpu(), sorted({*curves, *lines}), list(curves), at)


def of_toys(density: float, toys: Toys, seed: int, device: torch.device | str) -> dict[str, Superposed]:
    """Features of toys that were trained: correlated on a circle, independent, and sparse with `density`."""
    return {
        CIRCLE: _of_bags(circular(), toys.bags, seed, device),
        INDEPENDENT: _of_bags(independent(circular().mean()), toys.bags, seed, device),
        RUG: _of_rug(density, toys.rug, seed, device),
    }


def _of_bags(mixture: Mixture, fitting: Fitting, seed: int, device: torch.device | str) -> Superposed:
    # Others than those trained on: what these have in common by accident the weights would follow.
    drawn, others = (mixture.draw(_BAGS, generator(seed, "superposition", part)) for part in ("bags", "held out"))
    stack = fit([Recipe(_LATENT, _DECAY, seed=seed)], Drawn(drawn[None].to(device)), fitting, device).cpu()
    count = drawn.shape[1]
    every = list(range(count))
    at = torch.arange(count) * 360 / count
    return Superposed(stack.gram()[0], others.float(), stack.weights[0].T, every, every, at)


def _of_rug(density: float, training: persian_rug.Training, seed: int, device: torch.device | str) -> Superposed:
    found = persian_rug.train(_RUG, [persian_rug.Member(_RATIO, density, seed)], training, device)
    x = persian_rug.sparse(_BAGS, _RUG, density, generator(seed, "superposition", "rug"))
    vectors: Float[Tensor, "n d"] = found.stack.W_out[0].cpu()
    return Superposed(found.stack.weights()[0].cpu(), x, vectors, list(range(_RUG)), [], torch.zeros(0))
