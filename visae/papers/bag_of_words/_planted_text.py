"""A text whose co-occurrence is known: months and weekdays around their circles, topics, and words of no meaning.

It needs no download, and what a measure should find in it is known.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words._text import MONTHS, WEEKDAYS

TOPICS = {
    "music": ["violin", "chord", "melody", "rhythm", "concert", "choir", "tempo", "piano"],
    "harbour": ["ship", "anchor", "sail", "tide", "rope", "captain", "deck", "pier"],
    "garden": ["rose", "seed", "soil", "spade", "hedge", "bloom", "root", "weed"],
    "kitchen": ["flour", "oven", "salt", "knife", "butter", "pan", "dough", "spoon"],
    "chess": ["pawn", "rook", "bishop", "castle", "gambit", "mate", "board", "queen"],
    "stars": ["comet", "orbit", "planet", "lens", "galaxy", "eclipse", "moon", "meteor"],
}
_PLAIN = ("the", "of", "and", "to", "a", "in", "that", "it", "was", "his", "with", "as", "had", "for", "at", "by", "on")
_SHARE = {"months": 0.10, "weekdays": 0.08, "topics": 0.40, "plain": 0.42}  # of the words of a passage
_CLOSE = 3.0  # how closely months and weekdays keep to the passage's own
_PASSAGE = 60


@dataclass(frozen=True, eq=False)
class PlantedText:
    """A made text and the truth about it.

    words:     all its words but the full stop that ends a passage.
    chance:    [k, n], of each word at each place of a passage, for each of the k equally likely kinds of passage.
    """

    text: str
    words: tuple[str, ...]
    chance: Float64[Tensor, "k n"]

    def together(self) -> Float64[Tensor, "n n"]:
        """The chance that one place of a passage holds word i and another, given one, word j."""
        return self.chance.T @ self.chance / len(self.chance)


def planted_text(words: int, seed: int) -> PlantedText:
    """A text of about so many words, in passages of 60.

    A passage has a month, a weekday and a topic, all equally likely and independent. Each of its words is drawn by
    itself: a month (10 %), where month j has a weight of exp(3 cos of its angle to the passage's own), a weekday (8 %)
    likewise, one of the topic's eight words (40 %), or one of the plain words, by 1 / rank (42 %). So neighbouring
    months stand together, December and January as well, and no month knows of a weekday or a topic.

    Raises `VisaeError` for fewer words than a passage has.
    """
    if words < _PASSAGE:
        raise VisaeError(f"{words} words are no text to make; ask for at least {_PASSAGE}")
    source = generator(seed, "bag of words", "planted text")
    names = (*MONTHS, *WEEKDAYS, *(word for topic in TOPICS.values() for word in topic), *_PLAIN)
    chance = _chances()
    kinds = torch.randint(len(chance), (words // _PASSAGE,), generator=source)
    drawn = torch.multinomial(chance[kinds], _PASSAGE, replacement=True, generator=source)
    passages = [" ".join(names[word] for word in passage) + "." for passage in drawn.tolist()]
    return PlantedText("\n".join(passages) + "\n", names, chance)


def _chances() -> Float64[Tensor, "k n"]:
    """Of each word, for each month, weekday and topic."""
    months, weekdays = _around(len(MONTHS)), _around(len(WEEKDAYS))
    size = len(TOPICS["music"])  # as of every topic
    topics = torch.eye(len(TOPICS), dtype=torch.float64).repeat_interleave(size, 1) / size
    ranks = 1 / torch.arange(1, len(_PLAIN) + 1, dtype=torch.float64)
    plain = (ranks / ranks.sum())[None]
    kinds = torch.cartesian_prod(*(torch.arange(len(of)) for of in (months, weekdays, topics, plain)))
    tables = zip(_SHARE.values(), (months, weekdays, topics, plain), kinds.T, strict=True)
    return torch.cat([share * table[kind] for share, table, kind in tables], 1)


def _around(n: int) -> Float64[Tensor, "n n"]:
    """Row i: the chance of each of n words on a circle where the passage is at i."""
    angle = 2 * torch.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.softmax(_CLOSE * (angle[:, None] - angle).cos(), 1)
