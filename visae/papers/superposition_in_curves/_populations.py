"""The features compared: an SAE's over a layer, and those of the two toys, which serve as nulls."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.activations import Rows
from visae.images import pick_evenly
from visae.papers import bag_of_words, persian_rug
from visae.papers.bag_of_words import BagAutoencoder, BagTraining, DrawnBags, circular, independent
from visae.papers.bag_of_words._synthetic import BagMixture
from visae.papers.persian_rug import RugModel, RugTraining, sample_inputs
from visae.papers.report import SettingsName
from visae.papers.superposition_in_curves._measures import SuperposedFeatures
from visae.sae import SAE, EncoderSAE
from visae.training import TrainingConfig
from visae.training._batches import Batches
from visae.tuning import MeasuredPopulation

CIRCLE, INDEPENDENT, RUG = "bag of words, circular", "bag of words, independent", "Persian rug"
_BAGS = 8000
# Half as many latents as the twelve features, and the paper's larger weight decay: there correlation alone makes a
# ring.
_LATENT, _DECAY = 6, 6.0
_RATIO = 0.25  # of the rug


@dataclass(frozen=True)
class BridgeSettings:
    """How much is measured, and how the toys are trained; a `Budget` sets what is spent on the layer itself.

    rows:      maximum number of the layer's rows on which features are measured, from held-out images.
    bags:      training of the bags of words.
    features:  number of features of the Persian rug.
    rug:       training of the Persian rug.
    """

    name: str
    rows: int
    bags: BagTraining
    features: int
    rug: RugTraining

    def __post_init__(self) -> None:
        if self.rows < 1 or self.features < 3:
            raise VisaeError(
                f"rows is {self.rows} and features {self.features}; rows must be at least 1, features at least 3"
            )


# Quick takes a minute or two on two cores for the planted network, its rows and dictionary included. Full trains the
# bags of words for as long as the paper.
SETTINGS: dict[SettingsName, BridgeSettings] = {
    "quick": BridgeSettings("quick", 30_000, BagTraining(epochs=100), 64, RugTraining(steps=1000)),
    "full": BridgeSettings("full", 100_000, BagTraining(), 256, RugTraining()),
}


def dictionary_features(
    sae: SAE, rows: Rows, population: MeasuredPopulation, training: TrainingConfig, most: int
) -> SuperposedFeatures:
    """An SAE's features over rows of its layer, with curves and lines selected, and the curves as the ring.

    The rows are evenly spread over the images that `training` held out, at most about `most` of them. Feature j adds to
    the pre-activation of feature i the product of i's encoder and j's decoder direction.

    Raises `VisaeError` for fewer than three curves and lines, if no image was held out, and for an SAE whose features
    may be negative.
    """
    families = population.families
    curves = population.curves.units
    lines = families.members["line"].nonzero().flatten().tolist()
    if len(curves) + len(lines) < 3:
        raise VisaeError(
            f"{population.units.layer.name} has {len(curves)} curve and {len(lines)} line features; co-activation of "
            "pairs needs 3 or more: try another layer, or a wider dictionary"
        )
    parts = torch.split(held_out_rows(rows, training, most), 4096)
    x = torch.cat([sae.encode(rows.gather(part)).cpu() for part in parts])
    if not isinstance(sae, EncoderSAE) or (x < 0).any():
        raise VisaeError("features of this kind of SAE may be negative; interference needs features of 0 or more")
    gram = (sae.encoder @ sae.decoder.T).detach().cpu()
    at = families.orientation["curve"][curves].cpu()
    return SuperposedFeatures(gram, x, sae.directions.detach().cpu(), sorted({*curves, *lines}), list(curves), at)


def held_out_rows(rows: Rows, training: TrainingConfig, most: int) -> Int64[Tensor, " n"]:
    """Indices of rows of held-out images, grouped by image; at most `most`, but at least those of one image.

    Raises `VisaeError` if no image was held out.
    """
    images = Batches(rows, training).held_out_images.tolist()
    if not images:
        raise VisaeError(
            "features are measured on held-out images, but none was held out of training; set holdout above 0"
        )
    chosen = torch.tensor(pick_evenly(images, max(most // rows.rows_per_image, 1)))
    return (chosen[:, None] * rows.rows_per_image + torch.arange(rows.rows_per_image)).flatten()


def toy_features(
    density: float, settings: BridgeSettings, seed: int, device: torch.device | str
) -> dict[str, SuperposedFeatures]:
    """Train the toys and return their features: correlated on a circle, independent, and sparse with `density`."""
    return {
        CIRCLE: _bag_features(circular(), settings.bags, seed, device),
        INDEPENDENT: _bag_features(independent(circular().mean()), settings.bags, seed, device),
        RUG: _rug_features(density, settings, seed, device),
    }


def _bag_features(
    mixture: BagMixture, training: BagTraining, seed: int, device: torch.device | str
) -> SuperposedFeatures:
    # Measured on bags not trained on, since weights would follow the accidental correlations of training bags.
    drawn, held_out = (mixture.draw(_BAGS, generator(seed, "superposition", part)) for part in ("bags", "held out"))
    model = BagAutoencoder(_LATENT, _DECAY, seed=seed)
    stack = bag_of_words.train([model], DrawnBags(drawn[None].to(device)), training, device).to("cpu")
    count = drawn.shape[1]
    every = list(range(count))
    at = torch.arange(count) * 360 / count
    return SuperposedFeatures(stack.gram()[0], held_out.float(), stack.weights[0].T, every, every, at)


def _rug_features(
    density: float, settings: BridgeSettings, seed: int, device: torch.device | str
) -> SuperposedFeatures:
    n = settings.features
    stack = persian_rug.train(n, [RugModel(_RATIO, density, seed)], settings.rug, device).stack
    x = sample_inputs(_BAGS, n, density, generator(seed, "superposition", "rug"))
    every = list(range(n))
    return SuperposedFeatures(stack.weights()[0].cpu(), x, stack.W_out[0].cpu(), every, [], torch.zeros(0))
