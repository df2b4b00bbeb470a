"""The figures of the bag of words, drawn from its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.picture import BLUE, GREEN, PURPLE, SKY, VERMILION, save_figure
from visae.reproduce.bag_of_words.synthetic import CIRCULAR, DECAYS, INDEPENDENT
from visae.reproduce.bag_of_words.text import DECAYS as TEXT_DECAYS
from visae.reproduce.bag_of_words.text import SHUFFLED, TEXT, main_latent
from visae.reproduce.bag_of_words.verdicts import SHOWN, models_of, over_seeds

_KINDS = (CIRCULAR, "figure-eight", "spherical", INDEPENDENT)
_LOOKS = {
    ("linear", 0.0): (GREEN, "o"),
    ("linear", DECAYS[0]): (PURPLE, "s"),
    ("relu", 0.0): (BLUE, "D"),
    ("relu", DECAYS[0]): (SKY, "v"),
    ("relu", DECAYS[1]): (VERMILION, "^"),
}

Model = Mapping[str, Any]


def draw_bag_of_words(report: Mapping[str, Any], folder: Path) -> None:
    """Draw all figures of the page into a folder; that of the months if the text holds them all."""
    models, data, text = report["synthetic"]["models"], report["synthetic"]["data"], report["text"]
    _draw_arrangement(models, folder / "arrangement.png")
    _draw_agreement(models, data, folder / "agreement.png")
    _draw_residual(models, folder / "residual.png")
    _draw_context(models, text, folder / "context.png")
    _draw_contributors(text, folder / "contributors.png")
    if "months" in text["rings"]:
        _draw_months(text, folder / "months.png")


def _draw_arrangement(models: Sequence[Model], path: Path) -> None:
    columns = [(decay, latent) for decay in DECAYS for latent in SHOWN if models_of(models, decay=decay, latent=latent)]
    figure = Figure(figsize=(1.7 * len(columns) + 0.6, 1.75 * len(_KINDS) + 0.7), layout="constrained", dpi=200)
    panels = figure.subplots(len(_KINDS), len(columns), squeeze=False)
    for row, kind in enumerate(_KINDS):
        for column, (decay, latent) in enumerate(columns):
            model = models_of(models, kind=kind, output="relu", decay=decay, latent=latent)[0]
            ring = model["members"][0]["ring"]
            axes = panels[row, column]
            _ring(axes, np.array(ring["points"]), [str(place + 1) for place in range(len(ring["points"]))])
            if row == 0:
                axes.set_title(f"decay {decay:g}, {latent} latents", fontsize=8)
            if column == 0:
                axes.set_ylabel(kind, fontsize=9)
    figure.suptitle(
        "12 features in the plane of the top two components of their weights (ReLU, first seed)", fontsize=10
    )
    save_figure(figure, path)


def _ring(axes: Axes, points: Float[np.ndarray, "n 2"], labels: Sequence[str]) -> None:
    """Items as points of a cyclic colour, with lines between those that are neighbours in the data."""
    n = len(points)
    closed = np.vstack([points, points[:1]])
    axes.plot(closed[:, 0], closed[:, 1], color="0.75", linewidth=0.8, zorder=1)
    colours = matplotlib.colormaps["twilight_shifted"](np.arange(n) / n)
    axes.scatter(points[:, 0], points[:, 1], c=colours, s=24, edgecolors="0.3", linewidths=0.4, zorder=2)
    for point, label in zip(points, labels, strict=True):
        away = point / max(float(np.linalg.norm(point)), 1e-9)
        axes.annotate(
            label, point, xytext=8 * away, textcoords="offset points", fontsize=6, ha="center", va="center", zorder=3
        )
    reach = 1.35 * max(float(np.abs(points).max()), 1e-9)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def _draw_agreement(models: Sequence[Model], data: Mapping[str, Any], path: Path) -> None:
    latent = _middle(models)
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
        _plain(axes, "correlation of two features", "their entry of $W^T W$" if kind == _KINDS[0] else "")
    figure.suptitle(f"Pairs of features, {latent} latents, ReLU (first seed; r over all seeds)", fontsize=10)
    save_figure(figure, path)


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
        _plain(upper, "", "" if column else "residual $E|x - \\hat x|^2$")
        _plain(lower, "latents, of 12 features", "" if column else "residual over that of PCA")
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


def _draw_months(text: Mapping[str, Any], path: Path) -> None:
    latent, ring = main_latent(text), text["rings"]["months"]
    labels = [month[:3] for month in ring["words"]]
    panels = {"correlations of the data": ring}
    for corpus, decay in ((TEXT, TEXT_DECAYS[0]), (TEXT, TEXT_DECAYS[1]), (SHUFFLED, TEXT_DECAYS[1])):
        model = models_of(text["models"], corpus=corpus, decay=decay, latent=latent)[0]
        panels[f"weights, {corpus}, decay {decay:g}"] = model["members"][0]["rings"]["months"]
    figure = Figure(figsize=(2.5 * len(panels) + 0.2, 2.9), layout="constrained", dpi=200)
    for axes, (title, of) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        _ring(axes, np.array(of["points"]), labels)
        axes.set_title(f"{title}\n{of['kept']:.0%} of neighbours kept", fontsize=8)
    figure.suptitle(f"Months in the plane of their top two components, {latent} latents (first seed)", fontsize=10)
    save_figure(figure, path)


def _draw_context(models: Sequence[Model], text: Mapping[str, Any], path: Path) -> None:
    latent, words = _middle(models), main_latent(text)
    panels = {
        f"{kind} features, {latent} latents": models_of(
            models, kind=kind, output="relu", decay=DECAYS[0], latent=latent
        )[0]
        for kind in (CIRCULAR, INDEPENDENT)
    } | {
        f"words of the {corpus}, {words} latents" if corpus == TEXT else f"{corpus}, {words} latents": models_of(
            text["models"], corpus=corpus, decay=TEXT_DECAYS[0], latent=words
        )[0]
        for corpus in (TEXT, SHUFFLED)
    }
    figure = Figure(figsize=(2.6 * len(panels) + 0.3, 2.9), layout="constrained", dpi=200)
    panes = figure.subplots(1, len(panels), sharey=True)
    for axes, (title, model) in zip(panes, panels.items(), strict=True):
        one = model["members"][0]
        axes.axline((0, 0), slope=1, color="0.8", linewidth=0.8, zorder=1)
        alone = np.clip(one["r2_alone_of_some"], -1, None)
        axes.scatter(alone, one["r2_of_some"], s=10, color=BLUE, alpha=0.6, lw=0, zorder=2)
        axes.set(xlim=(-1.07, 1.03), ylim=(-0.45, 1.03))
        axes.set_title(title, fontsize=8)
        _plain(axes, "$R^2$ alone (below -1 drawn at -1)", "$R^2$ in context" if axes is panes[0] else "")
    figure.suptitle("Each feature's reconstruction in its context and alone (ReLU, decay 1, first seed)", fontsize=10)
    save_figure(figure, path)


def _draw_contributors(text: Mapping[str, Any], path: Path) -> None:
    model = models_of(text["models"], corpus=TEXT, decay=TEXT_DECAYS[0], latent=main_latent(text))[0]
    example = model["example"]
    total = example["pre_activation"]
    adds = {_quoted(word) + " itself" * (word == example["word"]): of for word, of in example["adds"].items()}
    rest = total - example["bias"] - sum(adds.values())
    bars = {**adds, "other words": rest, "bias": example["bias"], "pre-activation": total}
    figure = Figure(figsize=(5.4, 0.24 * len(bars) + 1.1), layout="constrained", dpi=200)
    axes = figure.subplots()
    colours = [GREEN if name.endswith(" itself") else BLUE if name in adds else "0.6" for name in bars]
    colours[-1] = "0.2"
    axes.barh(list(bars), list(bars.values()), color=colours, height=0.7)
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_title(f"What makes up the pre-activation of {_quoted(example['word'])} in one window", fontsize=9)
    _plain(axes, "added to the pre-activation (which should be 1)", "")
    save_figure(figure, path)


def _quoted(word: str) -> str:
    """A word as a label, in which a dollar begins no formula."""
    return f"“{word}”".replace("$", r"\$")


def _middle(models: Sequence[Model]) -> int:
    """Four latents, or the nearest size that there is."""
    latents: set[int] = {model["latent"] for model in models}
    return min(latents, key=lambda latent: abs(latent - 4))


def _plain(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(linewidth=0.4, color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
