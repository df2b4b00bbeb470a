"""The reproduction of the bag of words as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae._support.tables import markdown
from visae.papers.bag_of_words._reading import cell, exact_rings, mean
from visae.papers.bag_of_words._text_page import text_parts

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
    "first: with decay 1 and 4 latents the order was exact in 9 of the seeds 0 to 9 after 100 epochs, the quick "
    "setting's, and in none after the paper's 200, the full one's."
)

_DECAY = (
    "Decay 6 leaves a model with 6 latents little but the mean of the data and its strongest components, two of the "
    "circle and three of the sphere. So W^T W follows the correlations closely, and the reconstruction is worse. "
    "Without decay all latents are used, weak components stand beside strong ones, and W^T W follows less. It takes "
    "room: the mean, which without decay the bias can make, then takes a latent. With 2 latents, and on figure-eight "
    "and sphere with 4, too few are left for the strong components, and W^T W follows less than without decay, where "
    "so few latents hold only strong components as it is."
)

_INTERFERENCE = (
    "Own is what a feature adds to its own pre-activation, lift how much more the others add where it is present than "
    "where it is absent, others' share is lift / (own + lift). Constructive is the share of interference whose sign "
    "is that of help, 0.5 for independent features. R2 is of each feature's reconstruction over held-out bags, R2 "
    "alone over bags of one feature each; both are means over features."
)

_FIGURES = {
    "arrangement": "Columns of W in the plane of their top two principal components",
    "agreement": "W^T W against the correlations of the data",
    "decay": "How well W^T W follows the correlations, by weight decay",
    "residual": "Residual against latent size",
    "months": "The circle of months",
    "context": "Reconstruction in context and alone",
    "contributors": "A pre-activation by contributor",
}


def bag_of_words_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.papers.bag_of_words._reproduce`."""
    met = sum(verdict["met"] for verdict in report["verdicts"])
    shown = dict(_FIGURES)
    if "months" not in report["text"]["rings"]:
        del shown["months"]
    pictures = {name: f"![{words}]({name}.png)" for name, words in shown.items()}
    parts = [
        "# The bag of words",
        _CLAIM,
        _SETUP,
        _setting(report["setting"], report["seed"]),
        f"{met} of {len(report['verdicts'])} rules are met.",
        markdown(_verdicts(report["verdicts"])),
        "## Synthetic bags",
        _RINGS,
        markdown(_arranged(report["synthetic"]["models"])),
        *(pictures[name] for name in ("arrangement", "agreement")),
        _DECAY,
        *(pictures[name] for name in ("decay", "residual")),
        _INTERFERENCE,
        markdown(_helped(report["synthetic"]["models"])),
        *text_parts(report["text"], pictures),
    ]
    return "\n\n".join(parts) + "\n"


def _setting(setting: Mapping[str, Any], seed: int) -> str:
    synthetic, text = setting["synthetic"], setting["text"]
    return (
        f"Setting {setting['name']}, seed {seed}: {synthetic['epochs']} epochs of {setting['draws']:,} synthetic bags, "
        f"and {text['epochs']} of text; {setting['seeds']} seeds of the models of which ring order is asked, "
        f"{setting['few']} of the others."
    )


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
                f"{mean([ring['kept'] for ring in rings]):.2f}",
                f"{mean([ring['plane'] for ring in rings]):.2f}",
                ", ".join(f"{100 * mean(of):.0f}" for of in zip(*(ring["harmonics"] for ring in rings), strict=True)),
                cell(model, "agreement"),
                cell(model, "residual"),
                f"{model['pca_residual']:.3f}",
            ]
        )
    return rows


def _helped(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    figures = ("own", "lift", "borrowed", "constructive", "r2", "r2_alone")
    rows = [["data", "output", "decay", "latents", "own", "lift", "others' share", "constructive", "R2", "R2 alone"]]
    return rows + [[*_named(model), *(cell(model, figure) for figure in figures)] for model in models]


def _named(model: Mapping[str, Any]) -> list[str]:
    output = "ReLU" if model["output"] == "relu" else model["output"]
    return [model["kind"], output, f"{model['decay']:g}", str(model["latent"])]
