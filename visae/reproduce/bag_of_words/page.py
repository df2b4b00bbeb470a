"""The reproduction of the bag of words as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.reproduce.bag_of_words.text import main_latent
from visae.reproduce.bag_of_words.verdicts import exact_rings, over_seeds
from visae.table import markdown

_CLAIM = (
    'Prieto et al., "From Data Statistics to Feature Geometry" (arXiv 2603.09972). The claim: where features are '
    "correlated, what they add to each other in superposition helps (constructive interference), and a ReLU removes "
    "what is false; their directions are arranged by co-activation, the more so with weight decay, in clusters and in "
    "circles such as that of the months. It is the null hypothesis for whoever finds such shapes among the features "
    "of a layer: they may say which features fire together, and no more."
)

_SETUP = (
    "Tied autoencoders, h = W x and x_hat = ReLU(W^T h + b) or without the ReLU, trained by AdamW on binary bags. Of "
    "the paper only its set-up and its claims were retrieved, not its figures, so what is expected of the synthetic "
    "data are exact values: of its covariance, in closed form, and of PCA, which the best linear model is. A residual "
    "is E|x - x_hat|^2 of a bag, summed over features, over held-out bags; in the rules of the linear model it is "
    "exact, from the moments of the data. Ours is the mean over seeds ± their standard deviation; of the independent "
    "control all models of a seed are one, and it is ± the standard error."
)

_RINGS = (
    "The ring is in order if in the plane of the top two principal components of the columns of W the items follow "
    "each other around their centroid as they do in the data, up to rotation and reflection; neighbours kept is the "
    "graded measure. Plane is that plane's share of the columns' variance, harmonics are the shares of the first four "
    "around the ring: 100, 0, 0, 0 for a circle. Of figure-eight and sphere, which are no rings, order is not expected."
    "\n\n"
    "Without decay a linear model keeps every component that it has room for at full length, so no plane comes first, "
    "and the ring need not be seen in it; decay shortens the weaker components. Too much for 2 latents is decay 6: it "
    "keeps weights and bias near 1 / 6 or below, where the features' rate is 1 / 2, so one latent is spent on the mean "
    "and the ring is pressed into a line. Short training acts like decay, since the strongest components are learned "
    "first: with decay 1 and 4 latents the order is exact in most seeds after 100 epochs (the quick setting), and in "
    "none of ten after the paper's 200."
)

_INTERFERENCE = (
    "Own is what a feature adds to its own pre-activation, lift how much more the others add where it is present than "
    "where it is absent, others' share is lift / (own + lift). Constructive is the share of interference whose sign "
    "is that of help, 0.5 for independent features. R2 is of each feature's reconstruction over held-out bags, R2 "
    "alone over bags of one feature each; both are means over features."
)

_TEXT = (
    "Windows of 20 words, sliding by one; the last tenth of the text is held out, and r is with the correlations of "
    "its windows, which a model cannot have learned by accident. The control is the same words in random order. "
    "Off-diagonal is |G - diag G| of the Gram matrix of a circle's words, which the paper draws against latent size."
)

_MADE = (
    "The text is made: months and weekdays co-occur around their circles, and topics by themselves "
    "(`visae.toys.bag_of_words.planted_text`). It stands in for the paper's WikiText-103, of which it has neither the "
    "words nor the size. That months lie on a circle here says that the method finds what was put there; give a text "
    "of your own to ask whether they do."
)

_WITHOUT_RINGS = "The text does not hold all months, nor all weekdays, so there is no circle to look for."

_FIGURES = {
    "arrangement": "Columns of W in the plane of their top two principal components",
    "agreement": "W^T W against the correlations of the data",
    "residual": "Residual against latent size",
    "months": "The circle of months",
    "context": "Reconstruction in context and alone",
    "contributors": "A pre-activation by contributor",
}


def bag_of_words_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.reproduce.bag_of_words`."""
    met = sum(verdict["met"] for verdict in report["verdicts"])
    shown = dict(_FIGURES)
    if "months" not in report["text"]["rings"]:
        del shown["months"]
    pictures = {name: f"![{words}]({name}.png)" for name, words in shown.items()}
    parts = [
        "# The bag of words",
        _CLAIM,
        _SETUP,
        f"Setting {report['setting']}, seed {report['seed']}: {met} of {len(report['verdicts'])} rules are met.",
        markdown(_verdicts(report["verdicts"])),
        "## Synthetic bags",
        _RINGS,
        markdown(_arranged(report["synthetic"]["models"])),
        *(pictures[name] for name in ("arrangement", "agreement", "residual")),
        _INTERFERENCE,
        markdown(_helped(report["synthetic"]["models"])),
        *_text(report["text"], pictures),
    ]
    return "\n\n".join(parts) + "\n"


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["what", "paper, or exact", "ours", "rule", "verdict"]]
    for verdict in verdicts:
        word = "met" if verdict["met"] else "**not met**"
        rows.append([verdict["what"], verdict["expected"], verdict["ours"], verdict["rule"], word])
    return rows


def _arranged(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [
        [
            *("data", "output", "decay", "latents", "in order", "neighbours", "plane", "harmonics, %"),
            *("r with data", "residual", "PCA's"),
        ]
    ]
    for model in models:
        rings = [one["ring"] for one in model["members"]]
        rows.append(
            [
                *_named(model),
                f"{exact_rings(model)} of {len(rings)}",
                f"{_mean([ring['kept'] for ring in rings]):.2f}",
                f"{_mean([ring['plane'] for ring in rings]):.2f}",
                ", ".join(f"{100 * _mean(of):.0f}" for of in zip(*(ring["harmonics"] for ring in rings), strict=True)),
                _cell(model, "agreement"),
                _cell(model, "residual"),
                f"{model['pca_residual']:.3f}",
            ]
        )
    return rows


def _helped(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    figures = ("own", "lift", "borrowed", "constructive", "r2", "r2_alone")
    rows = [["data", "output", "decay", "latents", "own", "lift", "others' share", "constructive", "R2", "R2 alone"]]
    return rows + [[*_named(model), *(_cell(model, figure) for figure in figures)] for model in models]


def _named(model: Mapping[str, Any]) -> list[str]:
    output = "ReLU" if model["output"] == "relu" else model["output"]
    return [model["kind"], output, f"{model['decay']:g}", str(model["latent"])]


def _text(text: Mapping[str, Any], pictures: Mapping[str, str]) -> list[str]:
    about = (
        f"{text['tokens']:,} words, of which {text['vocabulary']:,} different ones are features; {text['windows']:,} "
        f"windows to train on, {text['held_out']:,} held out. Figures are drawn at {main_latent(text)} latents."
    )
    made = [_MADE] if text["source"] == "made" else [f"The text is {text['source']}."]
    rings = ", ".join(
        f"{name} {'in order' if ring['kept'] == 1 else format(ring['kept'], '.2f') + ' of neighbours kept'}"
        for name, ring in text["rings"].items()
    )
    found = f"Circles in the correlations of the training windows: {rings}." if rings else _WITHOUT_RINGS
    example = next(model["example"] for model in text["models"] if model["latent"] == main_latent(text))
    return [
        "## Text",
        *made,
        about,
        _TEXT,
        found,
        markdown(_of_text(text)),
        *(pictures[name] for name in ("months", "context") if name in pictures),
        f"### What lifts {_quoted(example['word'])}",
        "Of all words in 1 % of windows or more, the one that others lift most. What each word adds to its "
        "pre-activation, on average over the held-out windows that hold it:",
        markdown(
            [["word", "adds"], *([_quoted(word), f"{adds:+.3f}"] for word, adds in example["on_average"].items())]
        ),
        pictures["contributors"],
    ]


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
                *(f"{_mean(kept[name]):.2f}" for name in names),
                *(f"{_mean([one['off_diagonal'][name] for one in members]):.2f}" for name in names),
                *(_cell(model, figure) for figure in ("agreement", "r2", "r2_alone", "borrowed", "constructive")),
            ]
        )
    return rows


def _quoted(word: str) -> str:
    """A word, or a mark of punctuation, as a cell of a table."""
    return f"“{word}”".replace("|", "\\|")


def _cell(model: Mapping[str, Any], figure: str) -> str:
    mean, spread = over_seeds(model, figure)
    return f"{mean:.3f} ± {spread:.3f}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
