"""The synthetic half of the bag of words: features on shapes that are known, trained all in one pass, and measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, product
from typing import Any

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.papers.bag_of_words._autoencoders import Output, Recipe, Stack
from visae.papers.bag_of_words._coactivation import correlation, of_covariance
from visae.papers.bag_of_words._fitting import Drawn, fit
from visae.papers.bag_of_words._interference import interference
from visae.papers.bag_of_words._linear import eigenvalue_shares, linear_residual, pca_residual
from visae.papers.bag_of_words._measures import member_figures, ring_figures
from visae.papers.bag_of_words._setting import Setting
from visae.papers.bag_of_words._synthetic import Mixture, circular, figure_eight, independent, spherical

CIRCULAR, FIGURE_EIGHT, SPHERICAL = SHAPES = ("circular", "figure-eight", "spherical")
WIDE, INDEPENDENT = "wide circular", "independent"
DECAYS = (1.0, 6.0)  # the paper's
_HELD_OUT = 12_000  # bags that what is measured is measured on


def kinds() -> dict[str, Mixture]:
    """The paper's shapes, its other setting of the circle, and independent features as frequent as the circle's."""
    return {
        CIRCULAR: circular(),
        WIDE: circular(sharpness=5.0, base=-2.0),
        FIGURE_EIGHT: figure_eight(),
        SPHERICAL: spherical(),
        INDEPENDENT: independent(circular().mean()),
    }


@dataclass(frozen=True)
class _Model:
    """One model of the sweep, trained from several seeds."""

    kind: str
    output: Output
    decay: float
    latent: int
    seeds: int


def measure_synthetic(setting: Setting, seed: int, device: torch.device | str) -> dict[str, Any]:
    """Train every model in one pass; what the data are, and what was measured of every model."""
    mixtures = kinds()
    models = _models(setting)
    drawn = {kind: _drawn(kind, mixture, setting, seed) for kind, mixture in mixtures.items()}
    first = {kind: place * setting.seeds for place, kind in enumerate(mixtures)}
    recipes = [
        Recipe(model.latent, model.decay, model.output, seed + place, first[model.kind] + place)
        for model in models
        for place in range(model.seeds)
    ]
    fitting = replace(setting.synthetic, seed=seed)
    stack = fit(recipes, Drawn(torch.cat(list(drawn.values())).to(device)), fitting, device, "synthetic bags")
    members = map(Stack.cpu, map(stack.member, range(len(recipes))))
    held_out = {
        kind: mixture.draw(_HELD_OUT, generator(seed, "bag of words", kind, "held out")).float()
        for kind, mixture in mixtures.items()
    }
    return {
        "data": {kind: _data(mixture, drawn[kind]) for kind, mixture in mixtures.items()},
        "models": list(_all_measured(models, members, mixtures, held_out)),
    }


def _all_measured(
    models: Sequence[_Model],
    members: Iterator[Stack],
    mixtures: Mapping[str, Mixture],
    held_out: Mapping[str, Float[Tensor, "b n"]],
) -> Iterator[dict[str, Any]]:
    with Progress("synthetic bags, measured", len(models), "models") as progress:
        for model in models:
            of = list(islice(members, model.seeds))
            yield _measured(model, of, mixtures[model.kind], held_out[model.kind])
            progress.update(1)


def _models(setting: Setting) -> list[_Model]:
    """The sweep. What makes a linear model one of PCA is asked of the circles and the control only."""
    many, few = setting.seeds, setting.few
    asked: list[tuple[tuple[str, ...], Output, tuple[float, ...], int]] = [
        ((CIRCULAR, INDEPENDENT), "linear", (0.0, DECAYS[0]), few),
        ((*SHAPES, INDEPENDENT), "relu", (0.0,), few),
        ((CIRCULAR, INDEPENDENT), "relu", DECAYS, many),
        ((FIGURE_EIGHT, SPHERICAL), "relu", DECAYS, few),
        ((WIDE,), "linear", (0.0,), few),
    ]
    return [
        _Model(kind, output, decay, latent, seeds)
        for kinds_, output, decays, seeds in asked
        for kind, decay, latent in product(kinds_, decays, setting.latents)
    ]


def _drawn(kind: str, mixture: Mixture, setting: Setting, seed: int) -> UInt8[Tensor, "seeds draws n"]:
    """Each seed's own bags."""
    sources = (generator(seed + place, "bag of words", kind) for place in range(setting.seeds))
    return torch.stack([mixture.draw(setting.draws, source) for source in sources])


def _data(mixture: Mixture, drawn: UInt8[Tensor, "seeds draws n"]) -> dict[str, Any]:
    """What is known of the data, and what was drawn, over all seeds."""
    covariance, bags = mixture.covariance(), drawn.flatten(0, 1).double()
    return {
        "mean": mixture.mean().tolist(),
        "total_variance": covariance.trace().item(),
        "eigenvalue_shares": eigenvalue_shares(covariance),
        "correlation": of_covariance(covariance).tolist(),
        "drawn_mean": bags.mean(0).tolist(),
        "drawn_eigenvalue_shares": eigenvalue_shares(bags.T.cov()),
    }


def _measured(model: _Model, members: list[Stack], mixture: Mixture, x: Float[Tensor, "b n"]) -> dict[str, Any]:
    mean, covariance = mixture.mean(), mixture.covariance()
    correlations = correlation(x)
    rows = [_figures(one, x, correlations) for one in members]
    if model.output == "linear":
        for row, one in zip(rows, members, strict=True):
            row["expected_residual"] = linear_residual(one.weights[0], one.bias[0], mean, covariance)
    return {
        **asdict(model),
        "pca_residual": pca_residual(covariance, model.latent),
        "members": rows,
        "first_gram": members[0].gram()[0].tolist(),
    }


def _figures(one: Stack, x: Float[Tensor, "b n"], correlations: Float64[Tensor, "n n"]) -> dict[str, Any]:
    between = interference(one.gram()[0], x)
    return {**member_figures(one, x, correlations, between), "ring": ring_figures(one.weights[0].T)}
