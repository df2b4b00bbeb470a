"""The figures of the reproduction of the Persian rug."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visae.papers.persian_rug._fits import STARTS
from visae.papers.persian_rug._measures import INPUTS
from visae.papers.persian_rug._setting import DENSITY, NEAR, RATIO
from visae.papers.persian_rug._shuffles import BREAKING, KEEPING
from visae.papers.persian_rug._symmetry import chance_distance
from visae.papers.persian_rug._theory import linear_loss, predict, sparse_limit
from visae.plots._style import BLUE, GREEN, PURPLE, VERMILION, save_figure

# A marker of its own for each, too.
_WOVEN, _TIED, _APART, _FOURTH = (BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D")
_MODELS = {
    "tied": ("trained, start tied", _TIED),
    "apart": ("trained, start apart", _APART),
    "woven": ("woven", _WOVEN),
}
_GREY, _POINTS = "0.55", 40
_DENSEST = 0.3  # of the densities shown of high sparsity
_DEVIATIONS = 2.5  # of the entries of a rug, where the colours of W end

Row = Mapping[str, Any]


def draw_rug(report: Row, woven: Float[np.ndarray, "n n"], trained: Float[np.ndarray, "n n"], out: Path) -> None:
    """Draw all figures of a report, and W of a woven and a trained model of one size, into a folder."""
    _draw_loss(report, out / "loss.png")
    _draw_sparsity(report, out / "sparsity.png")
    _draw_symmetry(report, out / "symmetry.png")
    _draw_weights(woven, trained, out / "rug.png")
    _draw_shuffles(report["shuffles"], out / "shuffles.png")


def _draw_loss(report: Row, path: Path) -> None:
    figure = Figure(figsize=(8.4, 3.5), layout="constrained", dpi=200)
    left, right = figure.subplots(1, 2, sharey=True)
    grid = report["grid"]
    rows = [row for row in grid if row["ratio"] == RATIO]
    densities = np.geomspace(rows[0]["p"], rows[-1]["p"], _POINTS)
    _losses(left, [row["p"] for row in rows], rows, densities, lambda p: (RATIO, p))
    left.set_xscale("log")
    left.set_xlabel(f"density p, share of inputs with the feature (r = {RATIO})", fontsize=8)
    left.set_ylabel("loss / (p / 3), the loss of always answering 0", fontsize=8)
    rows = [row for row in grid if row["p"] == DENSITY]
    ratios = np.linspace(rows[0]["ratio"], rows[-1]["ratio"], _POINTS)
    _losses(right, [row["ratio"] for row in rows], rows, ratios, lambda ratio: (ratio, DENSITY))
    right.set_xlabel(f"ratio r = d / n (p = {DENSITY})", fontsize=8)
    left.set_ylim(0, 1)
    left.legend(fontsize=7, frameon=False)
    _finish(
        figure, [left, right], f"Loss of {report['setting']['n']} features: trained, woven, predicted, linear", path
    )


def _losses(
    axes: Axes, places: Sequence[float], rows: Sequence[Row], along: np.ndarray, point: Callable[[float], Any]
) -> None:
    """Points that were measured at `places`, and the curves of what is known, along an axis of (r, p)."""
    points = [point(float(place)) for place in along]
    axes.plot(
        along, [linear_loss(*at) / (at[1] / 3) for at in points], color=_GREY, linestyle="--", label="best linear"
    )
    axes.plot(along, [predict(*at).loss / (at[1] / 3) for at in points], color="black", label="formula, n to infinity")
    for name, look in (("woven", _WOVEN), ("trained", _TIED)):
        means, deviations = ([3 / row["p"] * row[name][key] for row in rows] for key in ("mean", "deviation"))
        _with_errors(axes, places, means, deviations, look, name)


def _draw_sparsity(report: Row, path: Path) -> None:
    figure = Figure(figsize=(8.4, 3.5), layout="constrained", dpi=200)
    left, right = figure.subplots(1, 2)
    _scaling(left, report)
    _large_enough(right, report["woven"])
    _finish(figure, [left, right], "High sparsity, and how many features must be active for the formula to hold", path)


def _scaling(axes: Axes, report: Row) -> None:
    fitted, sparse = report["scaling"]["densities"], [p for _, p in report["setting"]["sparse"]]
    rows = [row for row in report["woven"] if row["asked"] == RATIO and row["p"] <= _DENSEST]
    densities = np.geomspace(min(row["p"] for row in rows) / 2, _DENSEST, _POINTS)
    limit = [sparse_limit(RATIO, float(p)) for p in densities]
    axes.plot(densities, limit, color=_GREY, linestyle="--", label="limit, $p^2 \\ln(1/p)\\,(1-r)/6r$")
    formula = [predict(RATIO, float(p)).loss for p in densities]
    axes.plot(densities, formula, color="black", label=f"formula, $k = {fitted['theory']['exponent']:.2f}$")
    label = f"woven, n large enough, $k = {fitted['loss']['exponent']:.2f}$"
    for words, large, face in ((label, True, _WOVEN[0]), ("woven, n too small, left out", False, "none")):
        shown = [row for row in rows if row["large"] == large]
        axes.plot(
            [row["p"] for row in shown],
            [row["loss"] for row in shown],
            _WOVEN[1],
            color=_WOVEN[0],
            markerfacecolor=face,
            markersize=4.5,
            label=words,
        )
    axes.axvspan(min(sparse), max(sparse), color="0.93", zorder=0, linewidth=0)
    words = "fitted: $L = c\\,p^k \\ln(1/p)\\,(1-r)/r$"
    axes.text(min(sparse) * 1.1, 0.97, words, fontsize=7, va="top", transform=axes.get_xaxis_transform())
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(f"density p (r = {RATIO})", fontsize=8)
    axes.set_ylabel("loss a feature, $L$", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="lower right")


def _large_enough(axes: Axes, rows: Sequence[Row]) -> None:
    looks = (_WOVEN, _TIED, _APART, _FOURTH)
    for ratio, look in zip(sorted({row["asked"] for row in rows}), looks, strict=False):
        of = [row for row in rows if row["asked"] == ratio]
        active = [row["n"] * row["p"] for row in of]
        shares = [row["loss"] / row["theory"] for row in of]
        errors = [row["error"] / row["theory"] for row in of]
        _with_errors(axes, active, shares, errors, look, f"r = {ratio:g}")
    axes.axhspan(1 - NEAR, 1 + NEAR, color="0.9", zorder=0, linewidth=0, label=f"within {100 * NEAR:.0f} %")
    axes.set(xscale="log", yscale="log")
    ticks = (1, 1.1, 1.25, 1.5, 2, 3, 4)
    axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    sizes = [row["n"] for row in rows]
    axes.set_xlabel(f"features active at once, n p (n from {min(sizes):,} to {max(sizes):,})", fontsize=8)
    axes.set_ylabel("woven loss / formula, one rug a point", fontsize=8)
    axes.legend(fontsize=7, frameon=False)


def _draw_symmetry(report: Row, path: Path) -> None:
    figure = Figure(figsize=(8.4, 6.0), layout="constrained", dpi=200)
    panels, sizes = list(figure.subplots(2, 2).flat), report["sizes"]
    panels[1].sharey(panels[0])
    for axes, start in zip(panels, STARTS, strict=False):
        _variances(axes, sizes, report["scaling"]["sizes"][start], start)
    _noise(panels[2], sizes)
    _against_formula(panels[3], sizes)
    n = [size["n"] for size in sizes]
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xticks(n, labels=[str(size) for size in n])
        axes.set_xlabel("features n", fontsize=8)
        axes.legend(fontsize=7, frameon=False)
    _finish(figure, panels, f"How models become alike in all features as n grows (r = {RATIO}, p = {DENSITY})", path)


def _variances(axes: Axes, sizes: Sequence[Row], fitted: Row, start: str) -> None:
    names = {"diagonal": "diagonal of W", "bias": "bias", "row_energy": "row energy"}
    for (name, words), look in zip(names.items(), (_WOVEN, _TIED, _APART), strict=True):
        label = f"{words}, $n^{{{fitted[name]['exponent']:.1f}}}$"
        _line(axes, sizes, [size[start][name] for size in sizes], look, label)
    axes.set_yscale("log")
    axes.set_ylabel(f"variance over features / mean², start {start}", fontsize=8)


def _noise(axes: Axes, sizes: Sequence[Row]) -> None:
    for model, (words, look) in _MODELS.items():
        _line(axes, sizes, [size[model]["noise"] for size in sizes], look, words)
    chance = chance_distance(INPUTS)
    axes.axhline(chance, color=_GREY, linestyle="--", label="a Gaussian, by chance")
    axes.set_yscale("log")
    axes.set_ylim(bottom=chance / 1.5)
    axes.set_ylabel("noise's distance from a Gaussian (KS)", fontsize=8)


def _against_formula(axes: Axes, sizes: Sequence[Row]) -> None:
    for model, (words, look) in _MODELS.items():
        _line(axes, sizes, [size[model]["loss"]["mean"] / size["theory"] for size in sizes], look, words)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_ylabel("loss / formula", fontsize=8)


def _line(axes: Axes, sizes: Sequence[Row], y: Sequence[float], look: tuple[str, str], label: str) -> None:
    colour, marker = look
    axes.plot([size["n"] for size in sizes], y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=label)


def _draw_weights(woven: np.ndarray, trained: np.ndarray, path: Path) -> None:
    figure = Figure(figsize=(9.0, 4.6), layout="constrained", dpi=200)
    panels = figure.subplots(1, 2)
    limit = _DEVIATIONS * np.sqrt((1 - RATIO) / RATIO / len(woven))
    for axes, title, W in zip(panels, ("woven from a Hadamard matrix", "trained"), (woven, trained), strict=True):
        image = axes.imshow(W / W.diagonal().mean(), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("input feature", fontsize=8)
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("output feature", fontsize=8)
    bar = figure.colorbar(image, ax=panels, shrink=0.8, aspect=30, extend="both")
    bar.ax.tick_params(labelsize=7)
    bar.set_label("W, of the mean of its diagonal", fontsize=8)
    figure.suptitle(
        f"The rug: W = W_out W_in of {len(woven)} features through {round(RATIO * len(woven))}", fontsize=10
    )
    save_figure(figure, path)


def _draw_shuffles(found: Row, path: Path) -> None:
    names = [*KEEPING, *BREAKING]
    figure = Figure(figsize=(7.2, 4.0), layout="constrained", dpi=200)
    axes = figure.subplots()
    places = np.arange(len(names)) + (np.arange(len(names)) >= len(KEEPING)) * 0.6
    for offset, (model, (colour, _)) in zip((-0.19, 0.19), (("trained", _TIED), ("woven", _WOVEN)), strict=True):
        widths = [found[model][name] - 1 for name in names]
        axes.barh(places + offset, widths, 0.36, left=1, color=colour, label=model)
    axes.set_yticks(places, labels=names, fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    ticks = [tick for tick in (0.8, 1, 1.5, 2, 3, 5, 7, 10, 15, 20) if tick <= 1.1 * max(found["trained"].values())]
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    for words, place in (("statistics kept", 0), ("statistics broken", len(KEEPING))):
        axes.text(1.01, places[place] - 0.58, words, fontsize=7.5, color="0.35", va="center")
    axes.set_xlabel("loss after the change / loss before", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper right")
    _finish(figure, [axes], f"What counts in W and b, n = {found['n']}, r = {RATIO}, p = {DENSITY}", path)


def _with_errors(
    axes: Axes, x: Sequence[float], y: Sequence[float], errors: Sequence[float], look: tuple[str, str], label: str
) -> None:
    colour, marker = look
    axes.errorbar(
        x,
        y,
        errors,
        color=colour,
        marker=marker,
        markersize=4.5,
        linestyle="none",
        elinewidth=0.8,
        capsize=2,
        label=label,
    )


def _finish(figure: Figure, panels: Sequence[Axes], title: str, path: Path) -> None:
    for axes in panels:
        axes.tick_params(labelsize=7)
        axes.grid(linewidth=0.4, color="0.88")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)
