"""The reproduction of the bag of words as a Markdown page: the tables and values that fill page.md."""

from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from typing import Any

from visae._support.tables import markdown
from visae.papers.bag_of_words._settings import TEXT
from visae.papers.bag_of_words._text_sweep import main_latent
from visae.papers.bag_of_words._verdicts import Model, over_seeds, select
from visae.papers.report import Columns, fill_page, plus_minus, table, verdict_parts

_SYNTHETIC_TEXT = (
    "The text is synthetic: months and weekdays co-occur around their circles, and topics are independent of them "
    "(`visae.papers.bag_of_words`). It stands in for the paper's WikiText-103, and has neither its words nor its size. "
    "Months on a circle here show that the method finds what was put there; give a text of your own to learn whether "
    "they lie on one."
)
_WITHOUT_RINGS = "The text contains neither all months nor all weekdays, so there is no circle to look for."


def _cell(metric: str) -> Callable[[Model], str]:
    """A column with a metric's mean and spread over seeds."""
    return lambda model: plus_minus(*over_seeds(model, metric))


def _mean(*path: str) -> Callable[[Model], str]:
    """A column with the mean over seeds of a nested metric."""
    return lambda model: f"{fmean(_values(model, *path)):.2f}"


def _in_order(*path: str) -> Callable[[Model], str]:
    """A column with the number of seeds whose ring is in order."""
    return lambda model: f"{sum(kept == 1 for kept in _values(model, *path))} of {len(model['members'])}"


def _values(model: Model, *path: str) -> Iterator[Any]:
    for value in model["members"]:
        for key in path:
            value = value[key]
        yield value


def _harmonics(model: Model) -> str:
    shares = zip(*_values(model, "ring", "harmonics"), strict=True)
    return ", ".join(f"{100 * fmean(share):.0f}" for share in shares)


_MODEL: Columns = {
    "data": "{kind}",
    "output": lambda model: "ReLU" if model["output"] == "relu" else model["output"],
    "decay": "{decay:g}",
    "latents": "{latent}",
}
_ARRANGEMENT = _MODEL | {
    "in order": _in_order("ring", "kept"),
    "neighbours": _mean("ring", "kept"),
    "plane": _mean("ring", "plane"),
    "harmonics, %": _harmonics,
    "r with data": _cell("agreement"),
    "residual": _cell("residual"),
    "PCA's": "{pca_residual:.3f}",
}
_R2 = {"R2": _cell("r2"), "R2 alone": _cell("r2_alone")}
_SHARES = {"others' share": _cell("borrowed"), "constructive": _cell("constructive")}
_HELP = _MODEL | {"own": _cell("own"), "lift": _cell("lift")} | _SHARES | _R2


def bag_of_words_page(report: Mapping[str, Any]) -> str:
    """Render the report of `visae.papers.bag_of_words.reproduce` as a page."""
    models, text = report["synthetic"]["models"], report["text"]
    example = text_example(text)
    values = {
        "arrangement_table": table(models, _ARRANGEMENT),
        "help_table": table(models, _HELP),
        "source": _SYNTHETIC_TEXT if text["source"] is None else f"The text is {text['source']}.",
        "latent": main_latent(text),
        "circles": _circles(text["rings"]),
        "text_table": table(text["models"], _text_columns(list(text["rings"]))),
        "months": "![The circle of months](months.png)" if "months" in text["rings"] else "",
        "example": example,
        "word": _quoted(example["word"]),
        "contributor_table": _contributors(example),
    }
    return fill_page("bag_of_words", {**report, **verdict_parts(report), **values})


def text_example(text: Mapping[str, Any]) -> Mapping[str, Any]:
    """The word whose pre-activation is decomposed, in the first plotted model of the text."""
    model = select(text["models"], corpus=TEXT, latent=main_latent(text))[0]
    example: Mapping[str, Any] = model["members"][0]["example"]
    return example


def _circles(rings: Mapping[str, Mapping[str, Any]]) -> str:
    if not rings:
        return _WITHOUT_RINGS
    circles = (
        f"{name} {'in order' if ring['kept'] == 1 else format(ring['kept'], '.2f') + ' of neighbours kept'}"
        for name, ring in rings.items()
    )
    return f"Circles in the correlations of the training windows: {', '.join(circles)}."


def _text_columns(rings: list[str]) -> Columns:
    columns: Columns = {"words": "{corpus}", "decay": "{decay:g}", "latents": "{latent}"}
    columns |= {f"{ring} in order": _in_order("rings", ring, "kept") for ring in rings}
    columns |= {f"{ring} kept": _mean("rings", ring, "kept") for ring in rings}
    columns |= {f"off-diagonal, {ring}": _mean("off_diagonal", ring) for ring in rings}
    return columns | {"r with data": _cell("agreement")} | _R2 | _SHARES


def _contributors(example: Mapping[str, Any]) -> str:
    columns = example["on_average"], example["adds"]
    rows = [["word", "on average", "in the window"]]
    for word in {**columns[0], **columns[1]}:
        rows.append([_quoted(word), *(f"{column[word]:+.3f}" if word in column else "" for column in columns)])
    return markdown(rows)


def _quoted(word: str) -> str:
    """A word, or a punctuation mark, as a cell of a table."""
    return f"“{word}”".replace("|", "\\|")
