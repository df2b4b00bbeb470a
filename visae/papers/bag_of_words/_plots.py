"""The figures of the bag of words, drawn from its report."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae._support.progress import Progress
from visae.papers.bag_of_words._panels import plain, ring
from visae.papers.bag_of_words._reading import SHOWN, Model, middle, models_of, over_seeds
from visae.papers.bag_of_words._synthetic_sweep import CIRCULAR, DECAYS, INDEPENDENT, SHAPES
from visae.papers.bag_of_words._text_plots import draw_context, draw_contributors, draw_months
from visae.papers.bag_of_words._text_sweep import DECAYS as TEXT_DECAYS
from visae.papers.bag_of_words._words import SHUFFLED, TEXT
from visae.plots._style import BLUE, GREEN, PURPLE, SKY, VERMILION, save_figure

_KINDS = (*SHAPES, INDEPENDENT)
_LOOKS = {
    ("linear", 0.0): (GREEN, "o"),
    ("linear", DECAYS[0]): (PURPLE, "s"),
    ("relu", 0.0): (BLUE, "D"),
    ("relu", DECAYS[0]): (SKY, "v"),
    ("relu", DECAYS[1]): (VERMILION, "^"),
}
_TEXT_LOOKS = ((SKY, "v"), (VERMILION, "^"), ("0.7", "v"), ("0.4", "^"))


def draw_bag_of_words(report: Mapping[str, Any], folder: Path) -> None:
    """Draw all figures of the page into a folder; that of the months if the text holds them all."""
    models, data, text = report["synthetic"]["models"], report["synthetic"]["data"], report["text"]
    figures = {
        "arrangement": partial(_draw_arrangement, models),
        "agreement": partial(_draw_agreement, models, data),
        "decay": partial(_draw_decay, models, text["models"]),
        "residual": partial(_draw_residual, models),
        "context": partial(draw_context, models, text),
        "contributors": partial(draw_contributors, text),
    }
    if "months" in text["rings"]:
        figures["months"] = partial(draw_months, text)
    with Progress("draw", len(figures), "figures") as progress:
        for name, draw in figures.items():
            draw(folder / f"{name}.png")
            progress.update(1)


def _draw_arrangement(models: Sequence[Model], path: Path) -> None:
    columns = [(decay, latent) for decay in DECAYS for latent in SHOWN if models_of(models, decay=decay, latent=latent)]
    figure = Figure(figsize=(1.7 * len(columns) + 0.6, 1.75 * len(_KINDS) + 0.7), layout="constrained", dpi=200)
    panels = figure.subplots(len(_KINDS), len(columns), squeeze=False)
    for row, kind in enumerate(_KINDS):
        for column, (decay, latent) in enumerate(columns):
            model = models_of(models, kind=kind, output="relu", decay=decay, latent=latent)[0]
            found = model["members"][0]["ring"]
            axes = panels[row, column]
            ring(axes, np.array(found["points"]), [str(place + 1) for place in range(len(found["points"]))])
            if row == 0:
                axes.set_title(f"decay {decay:g}, {latent} latents", fontsize=8)
            if column == 0:
                axes.set_ylabel(kind, fontsize=9)
    figure.suptitle(
        "12 features in the plane of the top two components of their weights, lines in their order (ReLU, first seed)",
        fontsize=10,
    )
    save_figure(figure, path)


def _draw_agreement(models: Sequence[Model], data: Mapping[str, Any], path: Path) -> None:
    latent = middle(models)
    figure = Figure(figsize=(2.6 * len(_KINDS) + 0.4, 2.9), layout="constrained", dpi=200)
    panels = figure.subplots(1, len(_KINDS), squeeze=False, sharex=True)[0]
    for axes, kind in zip(panels, _KINDS, strict=True):
        correlations = np.array(data[kind]["correlation"])
        above = np.triu_indices(len(correlations), 1)
        for decay, colour, marker in zip(DECAYS, (BLUE, VERMILION), ("o", "^"), strict=True):
            model = models_of(models, kind=kind, output="relu", decay=decay, latent=latent)[0]
            mean, spread = over_seeds(model, "agreement")
            label = f"decay {decay:g}: r = {mean:.2f} ± {spread:.2f}"
            gram = np.array(model["first_gram"])[above]
            axes.scatter(correlations[above], gram, s=9, color=colour, marker=marker, alpha=0.6, lw=0, label=label)
        axes.set_title(kind, fontsize=9)
        axes.legend(fontsize=6.5, frameon=False, loc="upper left", handletextpad=0.1)
        axes.set_ylim(top=axes.get_ylim()[1] + 0.3 * np.ptp(axes.get_ylim()))
        plain(axes, "correlation of two features", "their entry of $W^T W$" if kind == _KINDS[0] else "")
    figure.suptitle(f"Pairs of features, {latent} latents, ReLU (first seed; r over all seeds)", fontsize=10)
    save_figure(figure, path)


def _draw_decay(models: Sequence[Model], of_text: Sequence[Model], path: Path) -> None:
    """How well directions follow correlations at each latent size, with one weight decay and with another."""
    figure = Figure(figsize=(11.0, 3.2), layout="constrained", dpi=200)
    *panels, last = figure.subplots(1, len(_KINDS) + 1, sharey=True)
    for axes, kind in zip(panels, _KINDS, strict=True):
        for decay in (0.0, *DECAYS):
            of = models_of(models, kind=kind, output="relu", decay=decay)
            _agreements(axes, of, f"decay {decay:g}", *_LOOKS["relu", decay])
        axes.set_title(kind, fontsize=9)
        plain(axes, "latents, of 12 features", "r with correlations" if axes is panels[0] else "")
    for (corpus, decay), look in zip(product((TEXT, SHUFFLED), TEXT_DECAYS), _TEXT_LOOKS, strict=True):
        _agreements(last, models_of(of_text, corpus=corpus, decay=decay), f"{corpus}, decay {decay:g}", *look)
    last.set_title("words of the text", fontsize=9)
    plain(last, "latents", "")
    panels[-1].legend(fontsize=6.5, frameon=False, loc="upper right")
    last.legend(fontsize=6.5, frameon=False, loc="upper right")
    last.set(ylim=(None, 1.4), yticks=np.linspace(0, 1, 5))
    figure.suptitle("$W^T W$ against the correlations of the data, by weight decay (ReLU, over seeds)", fontsize=10)
    save_figure(figure, path)


def _agreements(axes: Axes, models: Sequence[Model], label: str, colour: str, marker: str) -> None:
    found = np.array([over_seeds(model, "agreement") for model in models])
    latents = [model["latent"] for model in models]
    axes.errorbar(
        latents,
        found[:, 0],
        found[:, 1],
        label=label,
        color=colour,
        marker=marker,
        markersize=4,
        linewidth=1,
        capsize=2,
    )
    axes.set_xscale("log", base=2)
    ticks = latents[:: math.ceil(len(latents) / 4)]
    axes.set_xticks(ticks, [f"{latent:,}" for latent in ticks])
    axes.minorticks_off()


def _draw_residual(models: Sequence[Model], path: Path) -> None:
    """Above the residuals, below the same over those of PCA, from which they differ little."""
    figure = Figure(figsize=(7.8, 5.2), layout="constrained", dpi=200)
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, kind in enumerate((CIRCULAR, INDEPENDENT)):
        of = models_of(models, kind=kind)
        pca = {model["latent"]: model["pca_residual"] for model in of}
        upper, lower = panels[:, column]
        _residuals(upper, of, pca, dict.fromkeys(pca, 1.0))
        _residuals(lower, of, pca, pca)
        upper.set_title(f"{kind} features", fontsize=9)
        upper.set(ylim=(0, None), xticks=list(pca))
        lower.set_yscale("log", base=2)
        lower.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        plain(upper, "", "" if column else "residual $E|x - \\hat x|^2$")
        plain(lower, "latents, of 12 features", "" if column else "residual over that of PCA")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=7, frameon=False)
    save_figure(figure, path)


def _residuals(axes: Axes, models: Sequence[Model], pca: Mapping[int, float], unit: Mapping[int, float]) -> None:
    """A line for each output and decay, and PCA's; each latent size in its unit, but where that is nothing."""
    latents = [latent for latent in pca if unit[latent]]
    axes.plot(latents, [pca[latent] / unit[latent] for latent in latents], color="0.6", linewidth=3, label="PCA, exact")
    for (output, decay), (colour, marker) in _LOOKS.items():
        of = [model for model in models_of(models, output=output, decay=decay) if model["latent"] in latents]
        found = [np.array(over_seeds(model, "residual")) / unit[model["latent"]] for model in of]
        axes.errorbar(
            [model["latent"] for model in of],
            [mean for mean, _ in found],
            [spread for _, spread in found],
            label=f"{'ReLU' if output == 'relu' else output}, {f'decay {decay:g}' if decay else 'no decay'}",
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1.0,
            linestyle="--",
            capsize=2,
            zorder=3,
        )
