"""The half of the bag of words that is of text: models of its windows, and of those of the same words shuffled."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.progress import Progress
from visae.papers.bag_of_words._autoencoders import Recipe, Stack
from visae.papers.bag_of_words._fitting import fit
from visae.papers.bag_of_words._interference import by_context, contributions, interference
from visae.papers.bag_of_words._measures import member_figures, ring_figures
from visae.papers.bag_of_words._setting import MAIN, Setting
from visae.papers.bag_of_words._words import TEXT, Words, both_words, tokens_to_read

DECAYS = (1.0, 4.0)  # the paper's: the first where it takes reconstructions apart, the second for the circle of months
_COMMON = 0.01  # of the held-out windows; a rarer word is no example
_SHOWN = 20  # contributors, which are all that a window has
# Weights trained in a pass, of which there are some eight copies at a time: 4 GB. So few of the largest models are too
# large to gain from company.
_AT_ONCE = 1 << 27


def measure_text(setting: Setting, path: Path | None, seed: int, device: torch.device | str) -> dict[str, Any]:
    """Train on a text, or on the made one if there is none, and on its words in random order."""
    tokens = tokens_to_read(setting, path, seed)
    corpora = both_words(tokens, setting, seed, device)
    about = corpora[TEXT].about()
    latents = sorted({_latent(share, about["vocabulary"]) for share in setting.shares})
    models = [
        model
        for name, words in corpora.items()
        for latent in latents
        for model in _models(name, words, latent, setting, seed)
    ]
    source = None if path is None else path.name
    return {"source": source, "tokens": len(tokens), **about, "models": models}


def main_latent(report: Mapping[str, Any]) -> int:
    """The latent size that figures of text are drawn at."""
    return _latent(MAIN, report["vocabulary"])


def _latent(share: float, words: int) -> int:
    # A ring takes two dimensions.
    return max(round(share * words), 2)


def _models(name: str, words: Words, latent: int, setting: Setting, seed: int) -> Iterator[dict[str, Any]]:
    """The models of one size, trained together as far as they go; sizes differ too much to share a pass."""
    recipes = [Recipe(latent, decay, "relu", seed + place) for decay in DECAYS for place in range(setting.few)]
    fitting, label = replace(setting.text, seed=seed), f"{name}, {latent} latents"
    together = max(_AT_ONCE // (latent * words.corpus.train.features), 1)
    members = list[dict[str, Any]]()
    for first in range(0, len(recipes), together):
        stack = fit(recipes[first : first + together], words.corpus.train, fitting, words.x.device, label)
        members += _measured(stack, words, f"{label}, measured")
    for place, decay in enumerate(DECAYS):
        of = members[place * setting.few :][: setting.few]
        yield {"corpus": name, "decay": decay, "latent": latent, "members": of}


def _measured(stack: Stack, words: Words, label: str) -> list[dict[str, Any]]:
    found = []
    with Progress(label, len(stack.weights), "models") as progress:
        for index in range(len(stack.weights)):
            found.append(_figures(stack.member(index), words))
            progress.update(1)
    return found


def _figures(one: Stack, words: Words) -> dict[str, Any]:
    columns, between = one.weights[0].T, interference(one.gram()[0], words.x)
    return {
        **member_figures(one, words.x, words.correlations, between),
        "rings": {name: ring_figures(columns[places]) for name, places in words.rings.items()},
        "off_diagonal": {name: _off_diagonal(columns[places]) for name, places in words.rings.items()},
        "example": _example(one, words, between.lift),
    }


def _off_diagonal(vectors: Float[Tensor, "n d"]) -> float:
    """|G - diag G|, the paper's measure of how much a group of words is in superposition."""
    gram = vectors @ vectors.T
    norm: float = (gram - gram.diag().diag()).norm().item()
    return norm


def _example(one: Stack, words: Words, lift: Float64[Tensor, " n"]) -> dict[str, Any]:
    """The word that other words lift most; what each word of a window adds to it, and what most do on average.

    Of words in 1 % of windows or more, or where there is none, of those in as many as any. Of the windows that hold it,
    the one whose pre-activation is their median.
    """
    x, gram, bias = words.x, one.gram()[0], one.bias[0]
    known, rate = lift.isfinite(), x.mean(0)
    common = rate >= min(_COMMON, rate[known].max().item())
    target = int(lift.where(known & common, -torch.inf).argmax())
    adds = contributions(gram, x, target)[x[:, target] > 0]
    window = adds[adds.sum(1).argsort()[len(adds) // 2]]
    return {
        "word": words.corpus.words[target],
        "bias": bias[target].item(),
        "pre_activation": (window.sum() + bias[target]).item(),
        "adds": _largest(window, words.corpus.words),
        "on_average": _largest(by_context(gram, x, target), words.corpus.words),
    }


def _largest(adds: Float[Tensor, " n"], words: Sequence[str]) -> dict[str, float]:
    """What the words add or take that do most, the most first."""
    order = adds.abs().argsort(descending=True)[:_SHOWN].tolist()
    return {words[place]: adds[place].item() for place in order if adds[place] != 0}
