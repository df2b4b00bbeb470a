"""The text half of the bag of words: models of a text's windows, and of the same words shuffled, as the control."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import say, track
from visae.metrics import contributions, contributions_in_context, correlation, interference
from visae.papers.bag_of_words import _text as bag_text
from visae.papers.bag_of_words._measures import model_metrics, ring_metrics
from visae.papers.bag_of_words._model import BagAutoencoder, BagStack, Device, train
from visae.papers.bag_of_words._settings import MAIN_SHARE, SHUFFLED, TEXT, TEXT_DECAYS, BagSettings

_CORRELATED, _HELD_OUT = 50_000, 5_000  # maximum numbers of windows
_MIN_FEATURES = 3  # needed by `agreement`
_COMMON = 0.01  # of the held-out windows; rarer words are not used as examples
_CONTRIBUTORS = 20  # words listed for a window
# Weights trained in one pass. About eight copies exist at a time: 4 GB. The largest models gain little from batching.
_AT_ONCE = 1 << 27


@dataclass(frozen=True, eq=False)
class TextData:
    """A text as bags, and the data on which its models are measured.

    words:              the vocabulary; word i is feature i.
    train, held_out:    its windows.
    x:                  held-out bags, at most a few thousand.
    correlations:       the held-out bags' correlations.
    rings:              indices of the words of each ring, in its order.
    ring_correlations:  correlations of the words of each ring in the training windows, of which there are nine times as
                        many.
    """

    words: tuple[str, ...]
    train: bag_text.TextWindows
    held_out: bag_text.TextWindows
    x: Float[Tensor, "b n"]
    correlations: Float64[Tensor, "n n"]
    rings: dict[str, list[int]]
    ring_correlations: dict[str, Float64[Tensor, "k k"]]


def measure_text(settings: BagSettings, path: Path | None, seed: int, device: Device) -> dict[str, Any]:
    """Train on a text (the synthetic one if None), and on its words in random order; return the metrics.

    Raises `VisaeError` for a text that cannot be read, is empty, too short or too uniform.
    """
    tokens = read_tokens(settings, path, seed)
    words = bag_text.vocabulary(
        tokens, settings.vocabulary, [word for ring in bag_text.RINGS.values() for word in ring]
    )
    texts = {TEXT: tokens, SHUFFLED: bag_text.shuffle_tokens(tokens, seed)}
    data = {name: text_data(texts[name], words, device) for name in track(texts, "windows", "texts")}
    latents = sorted({_latent(share, len(words)) for share in settings.shares})
    sizes = [(name, latent) for name in data for latent in latents]
    rings = data[TEXT].ring_correlations
    return {
        "source": None if path is None else path.name,
        "tokens": len(tokens),
        "vocabulary": len(words),
        "windows": len(data[TEXT].train),
        "held_out": len(data[TEXT].held_out),
        "rings": {name: {"words": bag_text.RINGS[name], **ring_metrics(ring)} for name, ring in rings.items()},
        "models": [row for name, size in sizes for row in measure_models(name, data[name], size, settings, seed)],
    }


def main_latent(text: Mapping[str, Any]) -> int:
    """The latent size at which plots of text are drawn."""
    return _latent(MAIN_SHARE, text["vocabulary"])


def _latent(share: float, words: int) -> int:
    # A ring needs two dimensions.
    return max(round(share * words), 2)


def read_tokens(settings: BagSettings, path: Path | None, seed: int) -> list[str]:
    """Read as many words as the settings allow, from a text or the synthetic one."""
    text = bag_text.planted_text(settings.words, seed) if path is None else bag_text.read_text(path)
    tokens = bag_text.tokenize(text, settings.words + 1)
    if len(tokens) > settings.words and path is not None:
        say(f"{path.name} is longer than {settings.words:,} words; only the first are read (settings {settings.name})")
    return tokens[: settings.words]


def text_data(tokens: Sequence[str], words: Sequence[str], device: Device) -> TextData:
    """Turn a text into bags over a vocabulary, with the rings that it contains in full.

    Raises `VisaeError` if fewer than three words are in some held-out windows but not in others.
    """
    train, held_out = bag_text.text_windows(tokens, words)
    x = held_out.every(max(len(held_out) // _HELD_OUT, 1)).to(device)
    varied = int((x.amin(0) < x.amax(0)).sum())
    if varied < _MIN_FEATURES:
        raise VisaeError(
            f"the text is too uniform: of its {len(words)} most frequent words {varied} are in some windows of its "
            f"last tenth but not in others, and at least {_MIN_FEATURES} must be; give another text, or more of it"
        )
    index = {word: position for position, word in enumerate(words)}
    rings, correlations = {}, {}
    for name, ring in bag_text.RINGS.items():
        present = [word for word in ring if word in index]
        windows, _ = bag_text.text_windows(tokens, present)
        together = correlation(windows.every(max(len(windows) // _CORRELATED, 1)))
        # Each word must be in some training windows but not in all; otherwise its correlation is NaN.
        if len(present) == len(ring) and together.isfinite().all():
            rings[name], correlations[name] = [index[word] for word in ring], together
    return TextData(tuple(words), train, held_out, x, correlation(x), rings, correlations)


def measure_models(
    name: str, data: TextData, latent: int, settings: BagSettings, seed: int
) -> Iterator[dict[str, Any]]:
    """Train and measure the models of one size, batched as far as memory allows; sizes differ too much to share."""
    few, bags = settings.few, data.train
    models = [BagAutoencoder(latent, decay, "relu", seed + i) for decay in TEXT_DECAYS for i in range(few)]
    training, label = replace(settings.text, seed=seed), f"{name}, {latent} latents"
    at_once = max(_AT_ONCE // (latent * bags.features), 1)
    rows = []
    for first in range(0, len(models), at_once):
        stack = train(models[first : first + at_once], bags, training, data.x.device, label)
        members = track(range(len(stack.weights)), f"{label}, measuring", "models")
        rows += [_measure_model(stack.member(index), data) for index in members]
    for index, decay in enumerate(TEXT_DECAYS):
        yield {"corpus": name, "decay": decay, "latent": latent, "members": rows[index * few :][:few]}


def _measure_model(stack: BagStack, data: TextData) -> dict[str, Any]:
    columns, between = stack.weights[0].T, interference(stack.gram()[0], data.x)
    return {
        **model_metrics(stack, data.x, data.correlations, between),
        "rings": {name: ring_metrics(columns[ring]) for name, ring in data.rings.items()},
        "off_diagonal": {name: _off_diagonal(columns[ring]) for name, ring in data.rings.items()},
        "example": _example(stack, data, between.lift),
    }


def _off_diagonal(vectors: Float[Tensor, "n d"]) -> float:
    """|G - diag G|, the paper's measure of superposition in a group of words."""
    gram = vectors @ vectors.T
    norm: float = (gram - gram.diag().diag()).norm().item()
    return norm


def _example(stack: BagStack, data: TextData, lift: Float64[Tensor, " n"]) -> dict[str, Any]:
    """The word that other words lift most, and the contribution of each word, in one window and on average.

    Chosen among words in at least 1 % of windows or, if there are none, among the most frequent. The window is the one
    with the median pre-activation among those that contain the word.
    """
    x, gram, bias = data.x, stack.gram()[0], stack.bias[0]
    known, rate = lift.isfinite(), x.mean(0)
    common = rate >= min(_COMMON, rate[known].max().item())
    target = int(lift.where(known & common, -torch.inf).argmax())
    adds = contributions(gram, x, target)[x[:, target] > 0]
    window = adds[adds.sum(1).argsort()[len(adds) // 2]]
    return {
        "word": data.words[target],
        "bias": bias[target].item(),
        "pre_activation": (window.sum() + bias[target]).item(),
        "adds": _largest(window, data.words),
        "on_average": _largest(contributions_in_context(gram, x, target), data.words),
    }


def _largest(adds: Float[Tensor, " n"], words: Sequence[str]) -> dict[str, float]:
    """The largest contributions by absolute value, in descending order."""
    order = adds.abs().argsort(descending=True)[:_CONTRIBUTORS].tolist()
    return {words[index]: adds[index].item() for index in order if adds[index] != 0}
