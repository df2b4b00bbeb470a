"""The plots of the bag of words, drawn from its report."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae._support.progress import track
from visae.papers.bag_of_words._page import text_example
from visae.papers.bag_of_words._settings import DECAYS, SHUFFLED, TEXT, TEXT_DECAYS
from visae.papers.bag_of_words._synthetic import CIRCULAR, INDEPENDENT, SHAPES
from visae.papers.bag_of_words._text_sweep import main_latent
from visae.papers.bag_of_words._verdicts import Model, detailed_latents, over_seeds, select
from visae.plots._style import BLUE, GREEN, PURPLE, SKY, VERMILION, new_figure, save_figure, style_axes

_KINDS = (*SHAPES, INDEPENDENT)
_STYLES = {
    ("linear", 0.0): (GREEN, "o"),
    ("linear", DECAYS[0]): (PURPLE, "s"),
    ("relu", 0.0): (BLUE, "D"),
    ("relu", DECAYS[0]): (SKY, "v"),
    ("relu", DECAYS[1]): (VERMILION, "^"),
}
_TEXT_STYLES = ((SKY, "v"), (VERMILION, "^"), ("0.7", "v"), ("0.4", "^"))
_LEGEND: dict[str, Any] = {"fontsize": 6.5, "frameon": False}
_LEAST = -1.0  # lower R2 is drawn here: the model is simply wrong

_Report = Mapping[str, Any]


def plot_bag_of_words(report: _Report, folder: Path) -> None:
    """Draw all plots of the page into a folder; the months' only if the text contains all of them."""
    plots = {
        "arrangement": _plot_arrangement,
        "agreement": _plot_agreement,
        "decay": _plot_decay,
        "residual": _plot_residual,
        "context": _plot_context,
        "contributors": _plot_contributors,
    }
    if "months" in report["text"]["rings"]:
        plots["months"] = _plot_months
    with warnings.catch_warnings():
        # Words in a script that the font lacks are drawn as boxes; the page spells them out.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for name in track(plots, "draw", "plots"):
            save_figure(plots[name](report), folder / f"{name}.png")


def _plot_arrangement(report: _Report) -> Figure:
    models = select(report["synthetic"]["models"], output="relu")
    columns = list(product(DECAYS, detailed_latents(models)))
    title = "12 features in the plane of the top two components of their weights, lines in their order"
    figure = new_figure(1.7 * len(columns) + 0.6, 1.75 * len(_KINDS) + 0.7, f"{title} (ReLU, first seed)")
    panels = figure.subplots(len(_KINDS), len(columns), squeeze=False)
    for axes, (kind, (decay, latent)) in zip(panels.flat, product(_KINDS, columns), strict=True):
        first = select(models, kind=kind, decay=decay, latent=latent)[0]["members"][0]
        _draw_ring(axes, np.array(first["ring"]["points"]), [str(number) for number in range(1, 13)])
    for axes, (decay, latent) in zip(panels[0], columns, strict=True):
        axes.set_title(f"decay {decay:g}, {latent} latents", fontsize=8)
    for axes, kind in zip(panels[:, 0], _KINDS, strict=True):
        axes.set_ylabel(kind, fontsize=9)
    return figure


def _plot_agreement(report: _Report) -> Figure:
    models, data = select(report["synthetic"]["models"], output="relu"), report["synthetic"]["data"]
    latent = _middle_latent(models)
    title = f"Pairs of features, {latent} latents, ReLU (first seed; r over all seeds)"
    figure = new_figure(2.6 * len(_KINDS) + 0.4, 2.9, title)
    panels = figure.subplots(1, len(_KINDS), sharex=True)
    for axes, kind in zip(panels, _KINDS, strict=True):
        correlations = np.array(data[kind]["correlation"])
        above = np.triu_indices(len(correlations), 1)
        for decay, colour, marker in zip(DECAYS, (BLUE, VERMILION), ("o", "^"), strict=True):
            model = select(models, kind=kind, decay=decay, latent=latent)[0]
            mean, spread = over_seeds(model, "agreement")
            label = f"decay {decay:g}: r = {mean:.2f} ± {spread:.2f}"
            gram = np.array(model["first_gram"])[above]
            axes.scatter(correlations[above], gram, s=9, color=colour, marker=marker, alpha=0.6, lw=0, label=label)
        axes.legend(**_LEGEND, loc="upper left", handletextpad=0.1)
        axes.set_ylim(top=axes.get_ylim()[1] + 0.3 * np.ptp(axes.get_ylim()))
        style_axes(axes, "correlation of two features", title=kind)
    panels[0].set_ylabel("their entry of $W^T W$", fontsize=8)
    return figure


def _plot_decay(report: _Report) -> Figure:
    """How well directions follow correlations at each latent size, by weight decay."""
    models = select(report["synthetic"]["models"], output="relu")
    title = "$W^T W$ against the correlations of the data, by weight decay (ReLU, over seeds)"
    figure = new_figure(11.0, 3.2, title)
    panels = figure.subplots(1, len(_KINDS) + 1, sharey=True)
    for axes, kind in zip(panels[:-1], _KINDS, strict=True):
        for decay in (0.0, *DECAYS):
            rows = select(models, kind=kind, decay=decay)
            _draw_agreements(axes, rows, f"decay {decay:g}", _STYLES["relu", decay])
        style_axes(axes, "latents, of 12 features", title=kind)
    for (corpus, decay), style in zip(product((TEXT, SHUFFLED), TEXT_DECAYS), _TEXT_STYLES, strict=True):
        rows = select(report["text"]["models"], corpus=corpus, decay=decay)
        _draw_agreements(panels[-1], rows, f"{corpus}, decay {decay:g}", style)
    style_axes(panels[-1], "latents", title="words of the text")
    panels[0].set_ylabel("r with correlations", fontsize=8)
    for axes in panels[-2:]:
        axes.legend(**_LEGEND, loc="upper right")
    panels[-1].set(ylim=(None, 1.4), yticks=np.linspace(0, 1, 5))
    return figure


def _draw_agreements(axes: Axes, models: Sequence[Model], label: str, style: tuple[str, str]) -> None:
    latents = [model["latent"] for model in models]
    _draw_line(axes, latents, [over_seeds(model, "agreement") for model in models], label, style)
    axes.set_xscale("log", base=2)
    ticks = latents[:: math.ceil(len(latents) / 4)]
    axes.set_xticks(ticks, [f"{latent:,}" for latent in ticks])
    axes.minorticks_off()


def _plot_residual(report: _Report) -> Figure:
    """Residuals above, and below them their ratios to PCA's, from which they differ little."""
    figure = new_figure(7.8, 5.2)
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for (upper, lower), kind in zip(panels.T, (CIRCULAR, INDEPENDENT), strict=True):
        rows = select(report["synthetic"]["models"], kind=kind)
        pca = {model["latent"]: model["pca_residual"] for model in rows}
        _draw_residuals(upper, rows, pca, dict.fromkeys(pca, 1.0))
        _draw_residuals(lower, rows, pca, pca)
        style_axes(upper, title=f"{kind} features")
        upper.set(ylim=(0, None), xticks=list(pca))
        style_axes(lower, "latents, of 12 features")
        lower.set_yscale("log", base=2)
        lower.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    panels[0, 0].set_ylabel("residual $E|x - \\hat x|^2$", fontsize=8)
    panels[1, 0].set_ylabel("residual over that of PCA", fontsize=8)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=7, frameon=False)
    return figure


def _draw_residuals(axes: Axes, models: Sequence[Model], pca: Mapping[int, float], unit: Mapping[int, float]) -> None:
    """A line for each output and decay, and PCA's, in units per latent size; sizes whose unit is 0 are left out."""
    latents = [latent for latent in pca if unit[latent]]
    axes.plot(latents, [pca[latent] / unit[latent] for latent in latents], color="0.6", linewidth=3, label="PCA, exact")
    for (output, decay), style in _STYLES.items():
        rows = [model for model in select(models, output=output, decay=decay) if model["latent"] in latents]
        residuals = [np.array(over_seeds(model, "residual")) / unit[model["latent"]] for model in rows]
        label = f"{'ReLU' if output == 'relu' else output}, {f'decay {decay:g}' if decay else 'no decay'}"
        _draw_line(axes, [model["latent"] for model in rows], residuals, label, style, linestyle="--", zorder=3)


def _draw_line(
    axes: Axes, x: Sequence[float], y: Sequence[Any], label: str, style: tuple[str, str], **options: Any
) -> None:
    """A line of means with spreads, given as pairs."""
    means, spreads = np.reshape(y, (-1, 2)).T
    options |= {"color": style[0], "marker": style[1], "markersize": 4, "linewidth": 1, "capsize": 2}
    axes.errorbar(x, means, spreads, label=label, **options)


def _plot_months(report: _Report) -> Figure:
    """Months in the data, and in models of the text and of its shuffled words."""
    months, latent = report["text"]["rings"]["months"], main_latent(report["text"])
    panels = {"correlations of the data": months}
    for corpus, decay in ((TEXT, TEXT_DECAYS[0]), (TEXT, TEXT_DECAYS[1]), (SHUFFLED, TEXT_DECAYS[1])):
        model = select(report["text"]["models"], corpus=corpus, decay=decay, latent=latent)[0]
        panels[f"weights, {corpus}, decay {decay:g}"] = model["members"][0]["rings"]["months"]
    title = f"Months in the plane of their top two components, {latent} latents (first seed)"
    figure = new_figure(2.5 * len(panels) + 0.2, 2.9, title)
    for axes, (name, ring) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        _draw_ring(axes, np.array(ring["points"]), [month[:3] for month in months["words"]])
        axes.set_title(f"{name}\n{ring['kept']:.0%} of neighbours kept", fontsize=8)
    return figure


def _plot_context(report: _Report) -> Figure:
    """How well each feature is reconstructed in context, against how well alone."""
    models = dict(_context_models(report))
    below = f"below {_LEAST:g} drawn at {_LEAST:g}"
    title = (
        f"Each feature's reconstruction in its context and alone (ReLU, decay {TEXT_DECAYS[0]:g}, first seed; {below})"
    )
    figure = new_figure(2.6 * len(models) + 0.3, 2.9, title)
    panels = figure.subplots(1, len(models), sharex=True, sharey=True)
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        first = model["members"][0]
        alone, context = (np.clip(first[metric], _LEAST, None) for metric in ("r2_alone_sample", "r2_sample"))
        axes.axline((0, 0), slope=1, color="0.8", linewidth=0.8, zorder=1)
        axes.scatter(alone, context, s=10, color=BLUE, alpha=0.6, lw=0, zorder=2)
        style_axes(axes, "$R^2$ alone", title=name)
    panels[0].set_ylabel("$R^2$ in context", fontsize=8)
    panels[0].set_xlim(_LEAST - 0.07, 1.07)
    return figure


def _context_models(report: _Report) -> Iterator[tuple[str, Model]]:
    models, text = report["synthetic"]["models"], report["text"]
    latent, text_latent = _middle_latent(models), main_latent(text)
    for kind in (CIRCULAR, INDEPENDENT):
        model = select(models, kind=kind, output="relu", decay=DECAYS[0], latent=latent)[0]
        yield f"{kind} features, {latent} latents", model
    for corpus, title in ((TEXT, "words of the text"), (SHUFFLED, "shuffled words")):
        model = select(text["models"], corpus=corpus, decay=TEXT_DECAYS[0], latent=text_latent)[0]
        yield f"{title}, {text_latent:,} latents", model


def _plot_contributors(report: _Report) -> Figure:
    """What each word adds to the pre-activation of the word that others lift most, in one window."""
    example = text_example(report["text"])
    word = _quoted(example["word"])
    bars = {_quoted(other): add for other, add in example["adds"].items()}
    colours = [GREEN if name == word else BLUE if add > 0 else VERMILION for name, add in bars.items()]
    names = [f"{word} itself" if name == word else name for name in bars]
    totals = {"bias": example["bias"], "pre-activation": example["pre_activation"]}
    colours += [BLUE if example["bias"] > 0 else VERMILION, "0.2"]
    figure = new_figure(5.4, 0.24 * len(colours) + 1.4)
    axes = figure.subplots()
    axes.barh([*names, *totals], [*bars.values(), *totals.values()], color=colours, height=0.7)
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=0.8)
    title = f"What makes up the pre-activation of {word} in one window"
    style_axes(axes, "added to the pre-activation (which should be 1)", title=title)
    return figure


def _draw_ring(axes: Axes, points: Float[np.ndarray, "n 2"], labels: Sequence[str]) -> None:
    """Items as points in a cyclic colour map, with a line from each to the next."""
    n = len(points)
    closed = np.vstack([points, points[:1]])
    axes.plot(closed[:, 0], closed[:, 1], color="0.75", linewidth=0.8, zorder=1)
    colours = matplotlib.colormaps["twilight_shifted"](np.arange(n) / n)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=24, edgecolors="0.3", linewidths=0.4, zorder=2)
    for point, label in zip(points, labels, strict=True):
        away = point / max(float(np.linalg.norm(point)), 1e-9)
        # A word is wider than it is high.
        offset = {"xytext": (6 + 2 * len(label), 8) * away, "textcoords": "offset points"}
        axes.annotate(label, point, **offset, ha="center", va="center", fontsize=6, zorder=3)
    most = 1.35 * max(float(np.abs(points).max()), 1e-9)
    axes.set(xlim=(-most, most), ylim=(-most, most), aspect="equal", xticks=[], yticks=[])


def _middle_latent(models: Sequence[Model]) -> int:
    """Four latents, or the nearest size available."""
    latents: set[int] = {model["latent"] for model in models}
    return min(latents, key=lambda latent: abs(latent - 4))


def _quoted(word: str) -> str:
    """A word as a label, in which a dollar sign starts no formula."""
    return f"“{word}”".replace("$", r"\$")
