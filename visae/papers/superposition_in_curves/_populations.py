"""The features that are compared: of an SAE over a layer, and of the two toys, which are the nulls."""

import torch
from jaxtyping import Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.activations import Rows
from visae.images import pick_evenly
from visae.papers import persian_rug
from visae.papers.bag_of_words import Drawn, Fitting, Recipe, fit
from visae.papers.bag_of_words._synthetic import Mixture, circular, independent
from visae.papers.missing_curves import MeasuredPopulation
from visae.papers.superposition_in_curves._measures import Superposed
from visae.papers.superposition_in_curves._setting import Setting
from visae.sae import SAE, EncoderSAE
from visae.training import TrainingConfig
from visae.training._batches import Batches

CIRCLE, INDEPENDENT, RUG = "bag of words, circular", "bag of words, independent", "Persian rug"
_BAGS = 8000
# Half as many as the twelve features, and the paper's larger weight decay: there correlation alone makes a ring.
_LATENT, _DECAY = 6, 6.0
_RATIO = 0.25  # of the rug


def of_dictionary(sae: SAE, rows: Rows, found: MeasuredPopulation, training: TrainingConfig, most: int) -> Superposed:
    """An SAE's features over rows of its layer; curves and lines are asked about, and whether curves lie on a ring.

    The rows are of images that `training` held out, evenly from these, about `most` of them or fewer. What feature j
    adds to the pre-activation of feature i is the product of i's encoder and j's decoder direction.

    Raises `VisaeError` where there are fewer than three curves and lines, where no image was held out, and for an SAE
    whose features may be negative.
    """
    families = found.families
    curves = found.curves.units
    lines = families.members["line"].nonzero().flatten().tolist()
    if len(curves) + len(lines) < 3:
        raise VisaeError(
            f"{found.units.layer.name} has {len(curves)} curve and {len(lines)} line features; co-activation of pairs "
            "is asked of 3 or more: try another layer, or a wider dictionary"
        )
    parts = torch.split(held_out_places(rows, training, most), 4096)
    x = torch.cat([sae.encode(rows.gather(part)).cpu() for part in parts])
    if not isinstance(sae, EncoderSAE) or (x < 0).any():
        raise VisaeError("features of this kind of SAE may be negative; interference is asked of those that are not")
    gram = (sae.encoder @ sae.decoder.T).detach().cpu()
    at = families.orientation["curve"][curves].cpu()
    return Superposed(gram, x, sae.directions.detach().cpu(), sorted({*curves, *lines}), list(curves), at)


def held_out_places(rows: Rows, training: TrainingConfig, most: int) -> Int64[Tensor, " n"]:
    """Indices of rows of images that were held out, all of an image side by side; `most` or fewer, but of one at least.

    Raises `VisaeError` where no image was held out.
    """
    images = Batches(rows, training).held_out_images.tolist()
    if not images:
        raise VisaeError("no image was held out of training, and features are measured on such; give holdout above 0")
    some = torch.tensor(pick_evenly(images, max(most // rows.rows_per_image, 1)))
    return (some[:, None] * rows.rows_per_image + torch.arange(rows.rows_per_image)).flatten()


def of_toys(density: float, setting: Setting, seed: int, device: torch.device | str) -> dict[str, Superposed]:
    """Features of toys that were trained: correlated on a circle, independent, and sparse with `density`."""
    return {
        CIRCLE: _of_bags(circular(), setting.bags, seed, device),
        INDEPENDENT: _of_bags(independent(circular().mean()), setting.bags, seed, device),
        RUG: _of_rug(density, setting, seed, device),
    }


def _of_bags(mixture: Mixture, fitting: Fitting, seed: int, device: torch.device | str) -> Superposed:
    # Others than those trained on: what these have in common by accident the weights would follow.
    drawn, others = (mixture.draw(_BAGS, generator(seed, "superposition", part)) for part in ("bags", "held out"))
    stack = fit([Recipe(_LATENT, _DECAY, seed=seed)], Drawn(drawn[None].to(device)), fitting, device).cpu()
    count = drawn.shape[1]
    every = list(range(count))
    at = torch.arange(count) * 360 / count
    return Superposed(stack.gram()[0], others.float(), stack.weights[0].T, every, every, at)


def _of_rug(density: float, setting: Setting, seed: int, device: torch.device | str) -> Superposed:
    n, member = setting.features, persian_rug.Member(_RATIO, density, seed)
    stack = persian_rug.train(n, [member], setting.rug, device).stack
    x = persian_rug.sparse(_BAGS, n, density, generator(seed, "superposition", "rug"))
    return Superposed(stack.weights()[0].cpu(), x, stack.W_out[0].cpu(), list(range(n)), [], torch.zeros(0))
