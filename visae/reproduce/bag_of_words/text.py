"""The half of the bag of words that is of text: windows of a text, and of the same words shuffled, as the control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae.progress import say
from visae.reproduce.bag_of_words.figures import member_figures, ring_figures
from visae.reproduce.bag_of_words.setting import MAIN, Setting
from visae.toys.bag_of_words import Recipe, Stack, correlation, fit
from visae.toys.bag_of_words.interference import by_context, contributions, interference
from visae.toys.bag_of_words.planted_text import planted_text
from visae.toys.bag_of_words.text import RINGS, Corpus, corpus, read_text, shuffled, tokens_of, vocabulary

TEXT, SHUFFLED = "text", "shuffled words"
DECAYS = (1.0, 4.0)  # the paper's: the first where it takes reconstructions apart, the second for the circle of months
_CORRELATED, _HELD_OUT = 50_000, 5_000  # windows at most
_COMMON = 0.01  # of the held-out windows; a rarer word is no example
_SHOWN = 12  # contributors


@dataclass(frozen=True, eq=False)
class _Words:
    """A corpus, and what is measured on it.

    x:             held-out bags.  correlations: theirs.
    rings:         where the words of each ring stand.
    in_training:   of each ring, the correlations of its words in the windows trained on, which are nine times as many.
    """

    corpus: Corpus
    x: Float[Tensor, "b n"]
    correlations: Float64[Tensor, "n n"]
    rings: dict[str, list[int]]
    in_training: dict[str, Float64[Tensor, "k k"]]


def measure_text(setting: Setting, path: Path | None, seed: int, device: torch.device | str) -> dict[str, Any]:
    """Train on a text, or on the made one if there is none, and on its words in random order."""
    text = planted_text(setting.words, seed).text if path is None else read_text(path)
    tokens = tokens_of(text)
    if len(tokens) > setting.words:
        say(f"the first {setting.words:,} of {len(tokens):,} words are read, which is the {setting.name} setting")
        tokens = tokens[: setting.words]
    names = vocabulary(tokens, setting.vocabulary, [word for ring in RINGS.values() for word in ring])
    corpora = {TEXT: _words(tokens, names, device), SHUFFLED: _words(shuffled(tokens, seed), names, device)}
    latents = sorted({_latent(share, len(names)) for share in setting.shares})
    models = [
        _measured(name, decay, latent, members, words)
        for name, words in corpora.items()
        for latent in latents
        for decay, members in _trained(name, words.corpus, latent, setting, seed, device).items()
    ]
    source = "made" if path is None else path.name
    return {"source": source, "tokens": len(tokens), **_about(corpora[TEXT]), "models": models}


def main_latent(report: Mapping[str, Any]) -> int:
    """The latent size that figures of text are drawn at."""
    return _latent(MAIN, report["vocabulary"])


def _latent(share: float, words: int) -> int:
    # A ring takes two dimensions.
    return max(round(share * words), 2)


def _words(tokens: Sequence[str], names: Sequence[str], device: torch.device | str) -> _Words:
    of = corpus(tokens, names)
    x = of.held_out.every(max(len(of.held_out) // _HELD_OUT, 1))
    some = of.train.every(max(len(of.train) // _CORRELATED, 1))
    rings = {name: of.places(words) for name, words in RINGS.items()}
    together = {name: correlation(some[:, places]) for name, places in rings.items()}
    # All of its words, and each in some of the windows trained on, but not in all of them: else its correlation is nan.
    whole = [name for name in rings if len(rings[name]) == len(RINGS[name]) and together[name].isfinite().all()]
    return _Words(
        of,
        x.to(device),
        correlation(x.to(device)),
        {name: rings[name] for name in whole},
        {name: together[name] for name in whole},
    )


def _about(words: _Words) -> dict[str, Any]:
    of = words.corpus
    rings = {name: {"words": RINGS[name], **ring_figures(found)} for name, found in words.in_training.items()}
    return {"vocabulary": len(of.words), "windows": len(of.train), "held_out": len(of.held_out), "rings": rings}


def _trained(
    name: str, of: Corpus, latent: int, setting: Setting, seed: int, device: torch.device | str
) -> dict[float, list[Stack]]:
    """The models of one size, in one pass; sizes differ too much to share one."""
    recipes = [Recipe(latent, decay, "relu", seed + place) for decay in DECAYS for place in range(setting.few)]
    stack = fit(recipes, of.train, replace(setting.text, seed=seed), device, f"{name}, {latent} latents")
    members = [stack.member(index) for index in range(len(recipes))]
    return {decay: members[place * setting.few :][: setting.few] for place, decay in enumerate(DECAYS)}


def _measured(name: str, decay: float, latent: int, members: list[Stack], words: _Words) -> dict[str, Any]:
    return {
        "corpus": name,
        "decay": decay,
        "latent": latent,
        "members": [_figures(one, words) for one in members],
        "example": _example(members[0], words),
    }


def _figures(one: Stack, words: _Words) -> dict[str, Any]:
    columns = one.weights[0].T
    return {
        **member_figures(one, words.x, words.correlations),
        "rings": {name: ring_figures(columns[places]) for name, places in words.rings.items()},
        "off_diagonal": {name: _off_diagonal(columns[places]) for name, places in words.rings.items()},
    }


def _off_diagonal(vectors: Float[Tensor, "n d"]) -> float:
    """|G - diag G|, the paper's measure of how much a group of words is in superposition."""
    gram = vectors @ vectors.T
    norm: float = (gram - gram.diag().diag()).norm().item()
    return norm


def _example(one: Stack, words: _Words) -> dict[str, Any]:
    """The word that other words lift most, and what makes up its pre-activation in a window.

    Of the windows that hold it, the one whose pre-activation is their median; of words in 1 % of windows or more.
    """
    x, gram, bias = words.x, one.gram()[0], one.bias[0]
    lift = interference(gram, x).lift
    target = int(lift.where(x.mean(0) >= _COMMON, -torch.inf).nan_to_num(-torch.inf).argmax())
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
