"""The part of the page that is of text."""

from collections.abc import Mapping
from typing import Any

from visae._support.tables import markdown
from visae.papers.bag_of_words._reading import cell, example_of, mean
from visae.papers.bag_of_words._text_sweep import main_latent

_TEXT = (
    "Windows of 20 words, sliding by one; the last tenth of the text is held out, and r is with the correlations of "
    "its windows, which a model cannot have learned by accident. The control is the same words in random order. "
    "Off-diagonal is |G - diag G| of the Gram matrix of a circle's words, which the paper draws against latent size."
)

_MADE = (
    "The text is made: months and weekdays co-occur around their circles, and topics by themselves "
    "(`visae.papers.bag_of_words`). It stands in for the paper's WikiText-103, of which it has neither the "
    "words nor the size. That months lie on a circle here says that the method finds what was put there; give a text "
    "of your own to ask whether they do."
)

_WITHOUT_RINGS = "The text does not hold all months, nor all weekdays, so there is no circle to look for."


def text_parts(text: Mapping[str, Any], pictures: Mapping[str, str]) -> list[str]:
    """What the page says of text."""
    example = example_of(text)
    return [
        "## Text",
        _MADE if text["source"] is None else f"The text is {text['source']}.",
        f"{text['tokens']:,} words, of which {text['vocabulary']:,} different ones are features; {text['windows']:,} "
        f"windows to train on, {text['held_out']:,} held out. Figures are drawn at {main_latent(text):,} latents.",
        _TEXT,
        _circles(text["rings"]),
        markdown(_of_text(text)),
        *(pictures[name] for name in ("months", "context") if name in pictures),
        f"### What lifts {_quoted(example['word'])}",
        "Of all words in 1 % of windows or more, the one that others lift most. What each word adds to its "
        "pre-activation, on average over the held-out windows that hold it, and in the one that is drawn; the bias "
        f"adds {example['bias']:+.3f}.",
        markdown(_contributors(example)),
        pictures["contributors"],
    ]


def _circles(rings: Mapping[str, Mapping[str, Any]]) -> str:
    if not rings:
        return _WITHOUT_RINGS
    found = (
        f"{name} {'in order' if ring['kept'] == 1 else format(ring['kept'], '.2f') + ' of neighbours kept'}"
        for name, ring in rings.items()
    )
    return f"Circles in the correlations of the training windows: {', '.join(found)}."


def _contributors(example: Mapping[str, Any]) -> list[list[str]]:
    columns = example["on_average"], example["adds"]
    rows = [["word", "on average", "in the window"]]
    for word in {**columns[0], **columns[1]}:
        rows.append([_quoted(word), *(f"{column[word]:+.3f}" if word in column else "" for column in columns)])
    return rows


def _of_text(text: Mapping[str, Any]) -> list[list[str]]:
    names = list(text["rings"])
    rows = [
        ["words", "decay", "latents", *(f"{name} in order" for name in names), *(f"{name} kept" for name in names)]
        + [f"off-diagonal, {name}" for name in names]
        + ["r with data", "R2", "R2 alone", "others' share", "constructive"]
    ]
    for model in text["models"]:
        members = model["members"]
        kept = {name: [one["rings"][name]["kept"] for one in members] for name in names}
        rows.append(
            [
                *(model["corpus"], f"{model['decay']:g}", str(model["latent"])),
                *(f"{sum(value == 1 for value in kept[name])} of {len(members)}" for name in names),
                *(f"{mean(kept[name]):.2f}" for name in names),
                *(f"{mean([one['off_diagonal'][name] for one in members]):.2f}" for name in names),
                *(cell(model, figure) for figure in ("agreement", "r2", "r2_alone", "borrowed", "constructive")),
            ]
        )
    return rows


def _quoted(word: str) -> str:
    """A word, or a mark of punctuation, as a cell of a table."""
    return f"“{word}”".replace("|", "\\|")
