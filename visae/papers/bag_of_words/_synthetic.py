"""The synthetic half of the bag of words: bags from exactly known distributions, and models of them.

Features lie on a circle, on other shapes, or are independent. All models are trained in one pass.
"""

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import track
from visae._support.seeds import generator
from visae.metrics import correlation, correlation_of_covariance, interference
from visae.papers.bag_of_words._measures import (
    eigenvalue_shares,
    linear_residual,
    model_metrics,
    pca_residual,
    ring_metrics,
)
from visae.papers.bag_of_words._model import BagAutoencoder, BagStack, Device, DrawnBags, train
from visae.papers.bag_of_words._settings import DECAYS, BagSettings

FEATURES = 12
CIRCULAR, FIGURE_EIGHT, SPHERICAL = SHAPES = ("circular", "figure-eight", "spherical")
WIDE, INDEPENDENT = "wide circular", "independent"
_HELD_OUT = 12_000  # bags on which models are measured
_SPHERE = 500  # evenly spread positions on the sphere: 9 degrees apart, less than the width of a feature's edge


@dataclass(frozen=True, eq=False)
class BagMixture:
    """A distribution of bags: draw one of k equally likely positions, then each feature independently.

    probability: [k, n], the probability of feature j at position i.
    """

    probability: Float64[Tensor, "k n"]

    def mean(self) -> Float64[Tensor, " n"]:
        """E[x], exactly: the mean of the probabilities over positions."""
        return self.probability.mean(0)

    def covariance(self) -> Float64[Tensor, "n n"]:
        """Cov(x), exactly: the probabilities' covariance over positions, plus the mean of p (1 - p) on the diagonal."""
        away = self.probability - self.mean()
        within = (self.probability * (1 - self.probability)).mean(0)
        return away.T @ away / len(away) + within.diag()

    def draw(self, count: int, source: torch.Generator) -> UInt8[Tensor, "count n"]:
        """Draw bags of zeros and ones; bag i is at position i mod k, which spreads positions evenly."""
        chance = self.probability[torch.arange(count) % len(self.probability)]
        return (torch.rand(chance.shape, generator=source, dtype=torch.float64) < chance).to(torch.uint8)


def distributions() -> dict[str, BagMixture]:
    """The paper's shapes, the other circle in its code, and independent features at the circle's rates."""
    return {
        CIRCULAR: circular(),
        WIDE: circular(sharpness=5.0, base=-2.0),
        FIGURE_EIGHT: figure_eight(),
        SPHERICAL: spherical(),
        INDEPENDENT: independent(circular().mean()),
    }


def circular(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> BagMixture:
    """Features and positions at n even angles: p_j = sigmoid(sharpness cos(theta_i - theta_j) + base).

    Prieto et al. (arXiv 2603.09972), synthetic data: sharpness 10 and base 0; their code also uses 5 and -2. Feature j
    neighbours j - 1 and j + 1, around the circle.
    """
    angle = _angles(n)
    points = torch.stack([angle.cos(), angle.sin()], 1)
    return BagMixture(torch.sigmoid(sharpness * points @ points.T + base))


def figure_eight(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> BagMixture:
    """Like `circular`, with features and positions on the curve (sin t, sin 2t), at n even t."""
    angle = _angles(n)
    points = torch.stack([angle.sin(), (2 * angle).sin()], 1)
    return BagMixture(torch.sigmoid(sharpness * points @ points.T + base))


def spherical(sharpness: float = 10.0, base: float = 0.0, n: int = FEATURES) -> BagMixture:
    """Like `circular`, with features evenly spread over a sphere (a Fibonacci lattice), and positions all over it.

    The positions are the 500 points of a finer lattice; the paper draws them from the whole sphere.
    """
    return BagMixture(torch.sigmoid(sharpness * sphere_lattice(_SPHERE) @ sphere_lattice(n).T + base))


def independent(rates: Float64[Tensor, " n"]) -> BagMixture:
    """Independent features at these rates; raises `VisaeError` for a rate outside (0, 1]."""
    for feature, rate in enumerate(rates.tolist()):
        if not 0 < rate <= 1:
            raise VisaeError(f"the rate of feature {feature} is {rate:g}; it must be above 0 and at most 1")
    return BagMixture(rates[None])


def sphere_lattice(count: int) -> Float64[Tensor, "count 3"]:
    """Points spread evenly over the unit sphere: equal steps in height, each turned by the golden ratio."""
    step = torch.arange(count, dtype=torch.float64) + 0.5
    height = 1 - 2 * step / count
    around, turn = (1 - height.square()).sqrt(), math.pi * (1 + math.sqrt(5)) * step
    return torch.stack([around * turn.cos(), around * turn.sin(), height], 1)


def _angles(n: int) -> Float64[Tensor, " n"]:
    return 2 * math.pi * torch.arange(n, dtype=torch.float64) / n


def synthetic_models(settings: BagSettings) -> list[dict[str, Any]]:
    """The models of the sweep, each trained from several seeds.

    Linear models, which should match PCA, are trained only on the circles and the control.
    """
    few = settings.few
    sweep: list[tuple[tuple[str, ...], str, tuple[float, ...], int]] = [
        ((CIRCULAR, INDEPENDENT), "linear", (0.0, DECAYS[0]), few),
        ((*SHAPES, INDEPENDENT), "relu", (0.0,), few),
        ((CIRCULAR, INDEPENDENT), "relu", DECAYS, settings.seeds),
        (SHAPES[1:], "relu", DECAYS, few),
        ((WIDE,), "linear", (0.0,), few),
    ]
    return [
        {"kind": kind, "output": output, "decay": decay, "latent": latent, "seeds": seeds}
        for kinds, output, decays, seeds in sweep
        for kind, decay, latent in product(kinds, decays, settings.latents)
    ]


def measure_synthetic(settings: BagSettings, seed: int, device: Device) -> dict[str, Any]:
    """Train every model in one pass; return the statistics of the data, and the metrics of every model."""
    mixtures, sweep, seeds = distributions(), synthetic_models(settings), range(settings.seeds)
    drawn = {
        kind: torch.stack([mixture.draw(settings.draws, generator(seed + i, "bag of words", kind)) for i in seeds])
        for kind, mixture in mixtures.items()
    }
    held_out = {
        kind: mixture.draw(_HELD_OUT, generator(seed, "bag of words", kind, "held out")).float()
        for kind, mixture in mixtures.items()
    }
    first_bags = {kind: index * len(seeds) for index, kind in enumerate(mixtures)}
    models = [
        BagAutoencoder(row["latent"], row["decay"], row["output"], seed + i, first_bags[row["kind"]] + i)
        for row in sweep
        for i in range(row["seeds"])
    ]
    bags, training = torch.cat(list(drawn.values())).to(device), replace(settings.synthetic, seed=seed)
    stack, first, rows = train(models, DrawnBags(bags), training, device, "synthetic bags").to("cpu"), 0, []
    for row in track(sweep, "synthetic bags, measuring", "models"):
        members = [stack.member(index) for index in range(first, first + row["seeds"])]
        rows.append(_measure_model(row, members, mixtures[row["kind"]], held_out[row["kind"]]))
        first += row["seeds"]
    return {"data": {kind: _measure_data(mixtures[kind], drawn[kind]) for kind in mixtures}, "models": rows}


def _measure_data(mixture: BagMixture, drawn: UInt8[Tensor, "seeds draws n"]) -> dict[str, Any]:
    """Exact statistics of the data, and statistics of the sampled bags, over all seeds."""
    covariance, bags = mixture.covariance(), drawn.flatten(0, 1).double()
    return {
        "mean": mixture.mean().tolist(),
        "total_variance": covariance.trace().item(),
        "eigenvalue_shares": eigenvalue_shares(covariance),
        "correlation": correlation_of_covariance(covariance).tolist(),
        "drawn_mean": bags.mean(0).tolist(),
        "drawn_eigenvalue_shares": eigenvalue_shares(bags.T.cov()),
    }


def _measure_model(
    model: dict[str, Any], members: list[BagStack], mixture: BagMixture, x: Float[Tensor, "b n"]
) -> dict[str, Any]:
    mean, covariance, correlations = mixture.mean(), mixture.covariance(), correlation(x)
    rows = []
    for stack in members:
        metrics = model_metrics(stack, x, correlations, interference(stack.gram()[0], x))
        rows.append({**metrics, "ring": ring_metrics(stack.weights[0].T)})
        if model["output"] == "linear":
            rows[-1]["expected_residual"] = linear_residual(stack.weights[0], stack.bias[0], mean, covariance)
    return {
        **model,
        "pca_residual": pca_residual(covariance, model["latent"]),
        "members": rows,
        "first_gram": members[0].gram()[0].tolist(),
    }
