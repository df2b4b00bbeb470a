"""A text as bags, and its words in random order, as the control; with what models of them are measured on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress, say
from visae.papers.bag_of_words._coactivation import correlation
from visae.papers.bag_of_words._measures import ring_figures
from visae.papers.bag_of_words._planted_text import planted_text
from visae.papers.bag_of_words._setting import Setting
from visae.papers.bag_of_words._text import RINGS, Corpus, corpus, read_text, shuffled, tokens_of, vocabulary

TEXT, SHUFFLED = "text", "shuffled words"
_CORRELATED, _HELD_OUT = 50_000, 5_000  # windows at most
_LEAST = 3  # features that `agreement` takes


@dataclass(frozen=True, eq=False)
class Words:
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

    def about(self) -> dict[str, Any]:
        """What the report says of it."""
        of = self.corpus
        rings = {name: {"words": RINGS[name], **ring_figures(found)} for name, found in self.in_training.items()}
        return {"vocabulary": len(of.words), "windows": len(of.train), "held_out": len(of.held_out), "rings": rings}


def tokens_to_read(setting: Setting, path: Path | None, seed: int) -> list[str]:
    """The words of a text, or of the made one if there is none; as many as the setting reads."""
    text = planted_text(setting.words, seed).text if path is None else read_text(path)
    tokens = tokens_of(text, setting.words + 1)
    if len(tokens) > setting.words and path is not None:
        say(f"{path.name} is longer than {setting.words:,} words; the first are read: setting {setting.name}")
    return tokens[: setting.words]


def both_words(tokens: Sequence[str], setting: Setting, seed: int, device: torch.device | str) -> dict[str, Words]:
    """The text, and the control, over one vocabulary.

    Raises `VisaeError` for a text that is empty, too short, or too much of the same.
    """
    names = vocabulary(tokens, setting.vocabulary, [word for ring in RINGS.values() for word in ring])
    of = {TEXT: tokens, SHUFFLED: shuffled(tokens, seed)}
    with Progress("windows", len(of), "texts") as progress:
        found = {}
        for name, words in of.items():
            found[name] = words_of(words, names, device)
            progress.update(1)
    return found


def words_of(tokens: Sequence[str], names: Sequence[str], device: torch.device | str) -> Words:
    """Bags of a text over a vocabulary, with the rings that it has whole.

    Raises `VisaeError` where fewer than three words are in some of the held-out windows and not in others.
    """
    of = corpus(tokens, names)
    x = of.held_out.every(max(len(of.held_out) // _HELD_OUT, 1)).to(device)
    _expect_varied(x)
    rings = {name: of.places(words) for name, words in RINGS.items()}
    together = {name: _together(tokens, [of.words[place] for place in places]) for name, places in rings.items()}
    # All of its words, and each in some of the windows trained on, but not in all of them: else its correlation is nan.
    whole = [name for name in rings if len(rings[name]) == len(RINGS[name]) and together[name].isfinite().all()]
    return Words(of, x, correlation(x), {name: rings[name] for name in whole}, {name: together[name] for name in whole})


def _expect_varied(x: Float[Tensor, "b n"]) -> None:
    varied = int((x.amin(0) < x.amax(0)).sum())
    if varied < _LEAST:
        raise VisaeError(
            f"the text is too much of the same: of its {x.shape[1]} most frequent words {varied} are in some windows "
            f"of its last tenth and not in others, and {_LEAST} or more must be; give another, or more of it"
        )


def _together(tokens: Sequence[str], names: Sequence[str]) -> Float64[Tensor, "k k"]:
    """The correlations of some words in the windows trained on."""
    train = corpus(tokens, names).train
    return correlation(train.every(max(len(train) // _CORRELATED, 1)))
