"""How a dictionary decomposes the neurons of a layer: the figures that are compared with nulls."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from visae import decomposition
from visae._support import files
from visae.decomposition import MIN_SHARE, LayerDecomposition, describe_meanings
from visae.metrics import constituents
from visae.networks.planted import Truth
from visae.nulls import FEATURES, SECOND, Headline, has_as_many, headlines, spread
from visae.training._train_layer import MAIN

# The share of a neuron's variance from which one feature is as good as the neuron.
ALONE = 0.9
_NO_EVIDENCE = "this is no evidence"
HEADLINES = {
    "polysemantic": Headline("{} polysemantic neurons", "the count is no evidence", has_as_many),
    "several_large_parts": Headline("{} neurons with several large parts", "the count is no evidence", has_as_many),
    "alone_median": Headline("one feature alone explains {} of a neuron, median", _NO_EVIDENCE, has_as_many, ".0%"),
    "alone_most": Headline(f"one feature explains {ALONE:.0%} or more of {{}} neurons", _NO_EVIDENCE, has_as_many),
    "precision": Headline("precision {}", _NO_EVIDENCE, has_as_many, ".1%"),
    "recall": Headline("recall {}", _NO_EVIDENCE, has_as_many, ".1%"),
}


def compare_layers(layers: Mapping[str, Sequence[LayerDecomposition]]) -> dict[str, Any]:
    """Return the `figures` of a dictionary and its second seed, those of its `nulls` by seed, and matched `headlines`.

    layers: a layer, decomposed by a dictionary and its second seed, `features`, and by the seeds of each null.
    """
    figures = {name: [decomposition_figures(layer) for layer in seeds] for name, seeds in layers.items()}
    own = figures.pop(FEATURES)
    nulls = {name: {"seeds": seeds, **_spreads(seeds)} for name, seeds in figures.items()}
    named = dict(zip((MAIN, SECOND), own, strict=False))
    return {"figures": named, "nulls": nulls, "headlines": headlines(own[0], figures, HEADLINES)}


def decomposition_figures(layer: LayerDecomposition) -> dict[str, Any]:
    """Return what a dictionary says of a layer's neurons; `precision` and `recall` where the truth is known."""
    meanings = [
        decomposition.neuron_meanings(layer.attribution, layer.families, neuron) for neuron in range(layer.sae.dim)
    ]
    alone = explained_alone(layer)
    figures = {
        "explained_variance": layer.sae.about["metrics"]["explained_variance"],
        "polysemantic": len(layer.ranking()),
        "several_large_parts": sum(len(each) > 1 for each in meanings),
        "alone_median": median(alone),
        "alone_most": sum(share >= ALONE for share in alone),
    }
    if (truth := _truth(layer)) is not None:
        parts = constituents(layer.attribution, layer.sae.directions, truth.directions, MIN_SHARE)
        figures |= asdict(parts)
    return files.without_nan(figures)


def explained_alone(layer: LayerDecomposition) -> list[float]:
    """Return how much of each neuron's variance the best single feature explains."""
    alone: list[float] = layer.attribution.alone.amax(0).tolist()
    return alone


def ranking(layer: LayerDecomposition) -> list[dict[str, Any]]:
    """Return the polysemantic neurons with their meanings, in words."""
    return [{"neuron": neuron, "meanings": describe_meanings(each)} for neuron, each in layer.ranking()]


def _truth(layer: LayerDecomposition) -> Truth | None:
    truth = layer.neurons.network.truth
    return truth if truth is not None and truth.layer == layer.neurons.layer.name else None


def _spreads(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {figure: spread([seed[figure] for seed in seeds]) for figure in seeds[0]}
