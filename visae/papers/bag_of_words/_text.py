"""Bags of the words of a text: tokens, a vocabulary, and windows that slide over it."""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RINGS = {"months": MONTHS, "weekdays": WEEKDAYS}

_WINDOW = 20
_HELD_OUT = 0.1


class Windows:
    """One set of bags: which words stand in each window of a text, from every token on.

    tokens: [t], each one's place in the vocabulary, or its size for a word that is not in it, which no bag holds.
    """

    def __init__(self, tokens: Int[Tensor, " t"], words: int, window: int = _WINDOW):
        self.features, self._sliding = words, tokens.unfold(0, window, 1)

    def __len__(self) -> int:
        return len(self._sliding)

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "1 b n"]:
        """The bags at some windows, on the device of `rows`."""
        tokens = self._sliding[rows.to(self._sliding.device)].to(rows.device)
        bags = torch.zeros(len(rows), self.features + 1, device=rows.device)
        return bags.scatter_(1, tokens, 1.0)[None, :, : self.features]

    def every(self, step: int) -> Float[Tensor, "_ n"]:
        """Every so many-th bag."""
        return self.batch(torch.arange(0, len(self), step))[0]


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as bags.

    words:     the vocabulary; word i is feature i.
    train:     windows of the text but for its last tenth.  held_out: those of its last tenth.
    """

    words: tuple[str, ...]
    train: Windows
    held_out: Windows

    def places(self, words: Collection[str]) -> list[int]:
        """Where words stand in the vocabulary, those that do, in their own order."""
        place = {word: index for index, word in enumerate(self.words)}
        return [place[word] for word in words if word in place]


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; letters and their accents are composed (NFC).

    Raises `VisaeError` for a file that cannot be read, is not UTF-8, or is no text.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise VisaeError(f"{path} is not UTF-8: {error.reason} at byte {error.start}; convert it first") from None
    except OSError as error:
        raise VisaeError(f"cannot read {path}: {error.strerror or error}") from None
    if "\0" in text:
        raise VisaeError(f"{path} is no text: it holds null characters; give a file of plain text")
    return unicodedata.normalize("NFC", text.removeprefix("\ufeff"))


def tokens_of(text: str, most: int | None = None) -> list[str]:
    """Words as they are written, capitals kept, and marks of punctuation; of a long text, at most so many.

    Words are what spaces and marks keep apart: in a script without spaces, such as Chinese, put some between them.
    """
    return [found[0] for found in islice(_token().finditer(text), most)]


def shuffled(tokens: Sequence[str], seed: int) -> list[str]:
    """The same tokens in random order: words as frequent as before, of which none knows of another."""
    order = torch.randperm(len(tokens), generator=generator(seed, "bag of words", "shuffled text"))
    return [tokens[place] for place in order.tolist()]


def vocabulary(tokens: Sequence[str], size: int, forced: Collection[str] = ()) -> tuple[str, ...]:
    """The most frequent words of a text, at most `size`, in the order of frequency and then of the alphabet.

    forced: words that are among them whatever their frequency, if the text holds them at all.

    Raises `VisaeError` for a text without words, and for a size below 1.
    """
    if not tokens:
        raise VisaeError("the text is empty: it has no words; give one with some thousands")
    if size < 1:
        raise VisaeError(f"the vocabulary is of {size} words; it must be of at least 1")
    count, must = Counter(tokens), set(forced)
    ranked = sorted(count, key=lambda word: (word not in must, -count[word], word))
    return tuple(sorted(ranked[:size], key=lambda word: (-count[word], word)))


def corpus(tokens: Sequence[str], words: Sequence[str], window: int = _WINDOW) -> Corpus:
    """Bags of the windows of a text: of 20 tokens, sliding by one (Prieto et al.).

    words: the vocabulary.

    Raises `VisaeError` for a text too short for a window in its last tenth, which is held out.
    """
    split = len(tokens) - int(_HELD_OUT * len(tokens))
    if len(tokens) - split < window:
        raise VisaeError(
            f"the text has {len(tokens)} words, and its last tenth, which is held out, no window of {window}; "
            f"give at least {round(window / _HELD_OUT)}"
        )
    place = {word: index for index, word in enumerate(words)}
    ids = torch.tensor([place.get(token, len(words)) for token in tokens])
    train, held_out = (Windows(part, len(words), window) for part in (ids[:split], ids[split:]))
    return Corpus(tuple(words), train, held_out)


@cache
def _token() -> re.Pattern[str]:
    """A word, with apostrophes and hyphens inside it, or one mark of punctuation, among them the underscore."""
    # Vowel signs, which many scripts write as marks on a letter, are no letters to `re`; nor are the joiners.
    characters = map(chr, range(sys.maxunicode + 1))
    signs = "".join(one for one in characters if unicodedata.category(one)[0] == "M") + "\u200c\u200d"
    part = rf"[^\W_]+(?:[{signs}]+[^\W_]*)*"
    return re.compile(rf"{part}(?:['\u2019-]{part})*|[^\w\s]|_")
