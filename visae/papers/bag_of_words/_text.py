"""Bags of words from a text: tokens, a vocabulary, and sliding windows; and a synthetic text.

The co-occurrence in the synthetic text is known: months and weekdays around their circles, topics, and function words.
It needs no download.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator

_MONTHS = "January February March April May June July August September October November December"
RINGS = {
    "months": tuple(_MONTHS.split()),
    "weekdays": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
TOPICS = {
    "music": ("violin", "chord", "melody", "rhythm", "concert", "choir", "tempo", "piano"),
    "harbour": ("ship", "anchor", "sail", "tide", "rope", "captain", "deck", "pier"),
    "garden": ("rose", "seed", "soil", "spade", "hedge", "bloom", "root", "weed"),
    "kitchen": ("flour", "oven", "salt", "knife", "butter", "pan", "dough", "spoon"),
    "chess": ("pawn", "rook", "bishop", "castle", "gambit", "mate", "board", "queen"),
    "stars": ("comet", "orbit", "planet", "lens", "galaxy", "eclipse", "moon", "meteor"),
}
_TOPIC_SIZE = 8
_PLAIN = ("the", "of", "and", "to", "a", "in", "that", "it", "was", "his", "with", "as", "had", "for", "at", "by", "on")
PLANTED_WORDS = (*RINGS["months"], *RINGS["weekdays"], *(word for topic in TOPICS.values() for word in topic), *_PLAIN)
_SHARES = (0.10, 0.08, 0.40, 0.42)  # shares of months, weekdays, topics and plain words in a passage
_CONCENTRATION = 3.0  # concentration of months and weekdays around the passage's own
_PASSAGE = 60

_WINDOW = 20
_HELD_OUT = 0.1


class TextWindows:
    """One set of bags: the words in each window of a text, one window starting at every token.

    tokens: [t], each token's index in the vocabulary; for a word outside it, the vocabulary's size. Bags omit those.
    """

    def __init__(self, tokens: Int[Tensor, " t"], words: int, window: int = _WINDOW):
        self.features, self._sliding = words, tokens.unfold(0, window, 1)

    def __len__(self) -> int:
        return len(self._sliding)

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "1 b n"]:
        """The bags of these windows, on the device of `rows`."""
        tokens = self._sliding[rows.to(self._sliding.device)].to(rows.device)
        bags = torch.zeros(len(rows), self.features + 1, device=rows.device)
        return bags.scatter_(1, tokens, 1.0)[None, :, : self.features]

    def every(self, step: int) -> Float[Tensor, "_ n"]:
        """One bag in every `step`."""
        return self.batch(torch.arange(0, len(self), step))[0]


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without a byte order mark; compose letters and their accents (NFC).

    Raises `VisaeError` for a file that cannot be read, is not UTF-8, or is not text.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise VisaeError(f"{path} is not UTF-8: {error.reason} at byte {error.start}; convert it first") from None
    except OSError as error:
        raise VisaeError(f"cannot read {path}: {error.strerror or error}") from None
    if "\0" in text:
        raise VisaeError(f"{path} is not text: it contains null characters; give a plain text file")
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff"))


def tokenize(text: str, most: int | None = None) -> list[str]:
    """Split a text into words, case kept, and punctuation marks; stop after `most` tokens.

    Words are separated by spaces and marks: insert spaces into scripts without them, such as Chinese.
    """
    return [match[0] for match in islice(_token().finditer(text), most)]


def shuffle_tokens(tokens: Sequence[str], seed: int) -> list[str]:
    """The same tokens in random order: words keep their frequencies but become independent."""
    order = torch.randperm(len(tokens), generator=generator(seed, "bag of words", "shuffled text"))
    return [tokens[index] for index in order.tolist()]


def vocabulary(tokens: Sequence[str], size: int, forced: Collection[str] = ()) -> tuple[str, ...]:
    """The most frequent words of a text, at most `size`, by frequency and then alphabetically.

    forced: words to include whatever their frequency, if the text contains them at all.

    Raises `VisaeError` for a text without words, and for a size below 1.
    """
    if not tokens:
        raise VisaeError("the text is empty: it has no words; give one with several thousand")
    if size < 1:
        raise VisaeError(f"the vocabulary has {size} words; it must have at least 1")
    count, must = Counter(tokens), set(forced)
    ranked = sorted(count, key=lambda word: (word not in must, -count[word], word))
    return tuple(sorted(ranked[:size], key=lambda word: (-count[word], word)))


def text_windows(tokens: Sequence[str], words: Sequence[str], window: int = _WINDOW) -> tuple[TextWindows, TextWindows]:
    """Turn a text into bags from windows of 20 tokens, sliding by one (Prieto et al.); the last tenth is held out.

    words: the vocabulary; word i is feature i.

    Returns training and held-out windows. Raises `VisaeError` for a text too short for a held-out window.
    """
    split = len(tokens) - int(_HELD_OUT * len(tokens))
    if len(tokens) - split < window:
        raise VisaeError(
            f"the text has {len(tokens)} words, and its held-out last tenth does not contain a window of {window}; "
            f"give at least {round(window / _HELD_OUT)}"
        )
    index = {word: position for position, word in enumerate(words)}
    ids = torch.tensor([index.get(token, len(words)) for token in tokens])
    return TextWindows(ids[:split], len(words), window), TextWindows(ids[split:], len(words), window)


@cache
def _token() -> re.Pattern[str]:
    """A word, with apostrophes and hyphens inside it, or one punctuation mark, including the underscore."""
    # `re` does not count joiners as letters, nor vowel signs, which many scripts write as marks on a letter.
    characters = map(chr, range(sys.maxunicode + 1))
    signs = "".join(char for char in characters if unicodedata.category(char)[0] == "M") + "\u200c\u200d"
    part = rf"[^\W_]+(?:[{signs}]+[^\W_]*)*"
    return re.compile(rf"{part}(?:['\u2019-]{part})*|[^\w\s]|_")


def planted_text(words: int, seed: int) -> str:
    """Write a text of about this many words, in passages of 60.

    A passage has a month, a weekday and a topic, all equally likely and independent. Each of its words is drawn
    independently: a month (10 %), where month j has weight exp(3 cos of its angle to the passage's own), a weekday (8
    %) likewise, one of the topic's eight words (40 %), or a plain word, with weight 1 / rank (42 %). So neighbouring
    months co-occur, including December and January, and months are independent of weekdays and topics.

    Raises `VisaeError` for fewer words than one passage.
    """
    if words < _PASSAGE:
        raise VisaeError(f"{words} words are too few for a text; ask for at least {_PASSAGE}")
    source = generator(seed, "bag of words", "planted text")
    chance = planted_chances()
    kinds = torch.randint(len(chance), (words // _PASSAGE,), generator=source)
    drawn = torch.multinomial(chance[kinds], _PASSAGE, replacement=True, generator=source)
    passages = [" ".join(PLANTED_WORDS[word] for word in passage) + "." for passage in drawn.tolist()]
    return "\n".join(passages) + "\n"


def planted_chances() -> Float64[Tensor, "k n"]:
    """Probability of each of `PLANTED_WORDS` at any position of each of k equally likely kinds of passage."""
    topics = torch.eye(len(TOPICS), dtype=torch.float64).repeat_interleave(_TOPIC_SIZE, 1) / _TOPIC_SIZE
    ranks = 1 / torch.arange(1, len(_PLAIN) + 1, dtype=torch.float64)
    groups = (*(_around(len(ring)) for ring in RINGS.values()), topics, (ranks / ranks.sum())[None])
    kinds = torch.cartesian_prod(*(torch.arange(len(group)) for group in groups))
    columns = zip(_SHARES, groups, kinds.T, strict=True)
    return torch.cat([share * group[kind] for share, group, kind in columns], 1)


def _around(n: int) -> Float64[Tensor, "n n"]:
    """Row i: the probability of each of n words on a circle where the passage is at i."""
    angle = 2 * torch.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.softmax(_CONCENTRATION * (angle[:, None] - angle).cos(), 1)
