"""The figures of the bag of words that are of a text, or have its words beside synthetic features."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from visae.papers.bag_of_words._panels import plain, ring
from visae.papers.bag_of_words._reading import Model, example_of, middle, models_of
from visae.papers.bag_of_words._synthetic_sweep import CIRCULAR, INDEPENDENT
from visae.papers.bag_of_words._synthetic_sweep import DECAYS as SYNTHETIC_DECAYS
from visae.papers.bag_of_words._text_sweep import DECAYS, main_latent
from visae.papers.bag_of_words._words import SHUFFLED, TEXT
from visae.plots._style import BLUE, GREEN, VERMILION, save_figure

_LEAST = -1.0  # of R2, below which a model of a word is only wrong


def draw_months(text: Mapping[str, Any], path: Path) -> None:
    """Months in the data, and in models of the text and of its words shuffled."""
    latent, months = main_latent(text), text["rings"]["months"]
    labels = [month[:3] for month in months["words"]]
    panels = {"correlations of the data": months}
    for corpus, decay in ((TEXT, DECAYS[0]), (TEXT, DECAYS[1]), (SHUFFLED, DECAYS[1])):
        model = models_of(text["models"], corpus=corpus, decay=decay, latent=latent)[0]
        panels[f"weights, {corpus}, decay {decay:g}"] = model["members"][0]["rings"]["months"]
    figure = Figure(figsize=(2.5 * len(panels) + 0.2, 2.9), layout="constrained", dpi=200)
    for axes, (title, of) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        ring(axes, np.array(of["points"]), labels)
        axes.set_title(f"{title}\n{of['kept']:.0%} of neighbours kept", fontsize=8)
    figure.suptitle(f"Months in the plane of their top two components, {latent} latents (first seed)", fontsize=10)
    save_figure(figure, path)


def draw_context(models: Sequence[Model], text: Mapping[str, Any], path: Path) -> None:
    """How well each feature is reconstructed where it stands, against where it stands alone."""
    panels = dict(_in_context(models, text))
    figure = Figure(figsize=(2.6 * len(panels) + 0.3, 2.9), layout="constrained", dpi=200)
    panes = figure.subplots(1, len(panels), sharex=True, sharey=True)
    for axes, (title, model) in zip(panes, panels.items(), strict=True):
        one = model["members"][0]
        alone, context = (np.clip(one[of], _LEAST, None) for of in ("r2_alone_of_some", "r2_of_some"))
        axes.axline((0, 0), slope=1, color="0.8", linewidth=0.8, zorder=1)
        axes.scatter(alone, context, s=10, color=BLUE, alpha=0.6, lw=0, zorder=2)
        axes.set_title(title, fontsize=8)
        plain(axes, "$R^2$ alone", "$R^2$ in context" if axes is panes[0] else "")
    panes[0].set_xlim(_LEAST - 0.07, 1.07)
    figure.suptitle(
        f"Each feature's reconstruction in its context and alone (ReLU, decay {DECAYS[0]:g}, first seed; "
        f"below {_LEAST:g} drawn at {_LEAST:g})",
        fontsize=10,
    )
    save_figure(figure, path)


def _in_context(models: Sequence[Model], text: Mapping[str, Any]) -> Iterator[tuple[str, Model]]:
    latent, of_text = middle(models), main_latent(text)
    for kind in (CIRCULAR, INDEPENDENT):
        which = {"kind": kind, "output": "relu", "decay": SYNTHETIC_DECAYS[0], "latent": latent}
        yield f"{kind} features, {latent} latents", models_of(models, **which)[0]
    for corpus, title in ((TEXT, "words of the text"), (SHUFFLED, "shuffled words")):
        model = models_of(text["models"], corpus=corpus, decay=DECAYS[0], latent=of_text)[0]
        yield f"{title}, {of_text:,} latents", model


def draw_contributors(text: Mapping[str, Any], path: Path) -> None:
    """What words add to the pre-activation of the one that others lift most, in one window."""
    example = example_of(text)
    itself = f"{_quoted(example['word'])} itself"
    bars = {itself if word == example["word"] else _quoted(word): of for word, of in example["adds"].items()}
    bars |= {"bias": example["bias"], "pre-activation": example["pre_activation"]}
    figure = Figure(figsize=(5.4, 0.24 * len(bars) + 1.4), layout="constrained", dpi=200)
    axes = figure.subplots()
    colours = [GREEN if name == itself else BLUE if of > 0 else VERMILION for name, of in bars.items()]
    colours[-1] = "0.2"
    axes.barh(list(bars), list(bars.values()), color=colours, height=0.7)
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_title(f"What makes up the pre-activation of {_quoted(example['word'])} in one window", fontsize=9)
    plain(axes, "added to the pre-activation (which should be 1)", "")
    with warnings.catch_warnings():
        # Of a script that the font does not have, words are drawn as boxes; the page has them as they are.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        save_figure(figure, path)


def _quoted(word: str) -> str:
    """A word as a label, in which a dollar begins no formula."""
    return f"“{word}”".replace("$", r"\$")
