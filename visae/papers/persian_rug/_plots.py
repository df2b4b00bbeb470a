"""The plots of the reproduction of the Persian rug."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from visae.papers.persian_rug._measures import BREAKING, KEEPING, chance_distance
from visae.papers.persian_rug._model import STARTS
from visae.papers.persian_rug._settings import DENSITY, INPUTS, RATIO, TOLERANCE
from visae.papers.persian_rug._theory import linear_loss, predict, sparse_limit
from visae.plots._style import BLUE, GREEN, PURPLE, VERMILION, new_figure, save_figure, style_axes

_MARKERS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"))
_ENGINEERED, _TRAINED = _MARKERS[:2]
_MODELS = {"tied": "trained, start tied", "apart": "trained, start apart", "engineered": "engineered"}
_MODEL_MARKERS = dict(zip(("engineered", *STARTS), _MARKERS, strict=False))
_VARIANCES = {"diagonal": "diagonal of W", "bias": "bias", "row_energy": "row energy"}
_GREY, _ALONG = "0.55", 40
_DENSEST = 0.3  # maximum density in the plot of high sparsity
_DEVIATIONS = 2.5  # of a rug's entries, at which the colours of W saturate
_LEGEND: dict[str, Any] = {"fontsize": 7, "frameon": False}
_POINTS: dict[str, Any] = {"markersize": 4.5, "linestyle": "none", "elinewidth": 0.8, "capsize": 2}

_Row = Mapping[str, Any]


def plot_rug(report: _Row, engineered: Float[np.ndarray, "n n"], trained: Float[np.ndarray, "n n"], out: Path) -> None:
    """Draw all plots of a report, and W of an engineered and a trained model of one size, into a folder."""
    plots = {"loss": _plot_loss, "sparsity": _plot_sparsity, "symmetry": _plot_symmetry, "shuffles": _plot_shuffles}
    for name, plot in plots.items():
        save_figure(plot(report), out / f"{name}.png")
    weights = {"engineered from a Hadamard matrix": engineered, "trained": trained}
    save_figure(_plot_weights(weights), out / "rug.png")


def _plot_loss(report: _Row) -> Figure:
    n, grid = report["settings"]["n"], report["grid"]
    figure = new_figure(8.4, 3.5, f"Loss of {n} features: trained, engineered, predicted, linear")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = [row for row in grid if row["ratio"] == RATIO]
    densities = np.geomspace(rows[0]["p"], rows[-1]["p"], _ALONG).tolist()
    _draw_losses(left, densities, [(RATIO, p) for p in densities], [row["p"] for row in rows], rows)
    label = f"density p, share of inputs with the feature (r = {RATIO})"
    style_axes(left, label, "loss / (p / 3), the loss of always outputting 0")
    left.set(xscale="log", ylim=(0, 1))
    left.legend(**_LEGEND)
    rows = [row for row in grid if row["p"] == DENSITY]
    ratios = np.linspace(rows[0]["ratio"], rows[-1]["ratio"], _ALONG).tolist()
    _draw_losses(right, ratios, [(r, DENSITY) for r in ratios], [row["ratio"] for row in rows], rows)
    style_axes(right, f"ratio r = d / n (p = {DENSITY})")
    return figure


def _draw_losses(
    axes: Axes, along: list[float], points: list[tuple[float, float]], x: list[float], rows: list[_Row]
) -> None:
    """Known losses at points (r, p) along an axis, and measured ones of rows at x."""
    linear = [linear_loss(r, p) / (p / 3) for r, p in points]
    axes.plot(along, linear, color=_GREY, linestyle="--", label="best linear")
    axes.plot(along, [predict(r, p).loss / (p / 3) for r, p in points], color="black", label="formula, n to infinity")
    for name, style in (("engineered", _ENGINEERED), ("trained", _TRAINED)):
        means, deviations = ([3 / row["p"] * row[name][part] for row in rows] for part in ("mean", "deviation"))
        _draw_points(axes, x, means, deviations, style, name)


def _plot_sparsity(report: _Row) -> Figure:
    title = "High sparsity, and how many features must be active for the formula to hold"
    figure = new_figure(8.4, 3.5, title)
    left, right = figure.subplots(1, 2)
    _draw_scaling(left, report)
    _draw_active(right, report["engineered"])
    return figure


def _draw_scaling(axes: Axes, report: _Row) -> None:
    theory, rugs = (report["scaling"]["densities"][name]["exponent"] for name in ("theory", "loss"))
    sparse = [p for _, p in report["settings"]["sparse"]]
    rows = [row for row in report["engineered"] if row["nominal_ratio"] == RATIO and row["p"] <= _DENSEST]
    densities = np.geomspace(min(row["p"] for row in rows) / 2, _DENSEST, _ALONG).tolist()
    limit = [sparse_limit(RATIO, p) for p in densities]
    axes.plot(densities, limit, color=_GREY, linestyle="--", label="limit, $p^2 \\ln(1/p)\\,(1-r)/6r$")
    formula = [predict(RATIO, p).loss for p in densities]
    axes.plot(densities, formula, color="black", label=f"formula, $k = {theory:.2f}$")
    colour, marker = _ENGINEERED
    enough = f"engineered, n large enough, $k = {rugs:.2f}$"
    for label, large, face in ((enough, True, colour), ("engineered, n too small, left out", False, "none")):
        x, y = ([row[key] for row in rows if row["large"] == large] for key in ("p", "loss"))
        axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=4.5, label=label)
    axes.axvspan(min(sparse), max(sparse), color="0.93", zorder=0, linewidth=0)
    fitted = "fitted: $L = c\\,p^k \\ln(1/p)\\,(1-r)/r$"
    axes.text(min(sparse) * 1.1, 0.97, fitted, fontsize=7, va="top", transform=axes.get_xaxis_transform())
    style_axes(axes, f"density p (r = {RATIO})", "loss per feature, $L$")
    axes.set(xscale="log", yscale="log")
    axes.legend(**_LEGEND, loc="lower right")


def _draw_active(axes: Axes, rows: Sequence[_Row]) -> None:
    for ratio, style in zip(sorted({row["nominal_ratio"] for row in rows}), _MARKERS, strict=False):
        points = [row for row in rows if row["nominal_ratio"] == ratio]
        active = [row["n"] * row["p"] for row in points]
        shares, errors = ([row[key] / row["theory"] for row in points] for key in ("loss", "error"))
        _draw_points(axes, active, shares, errors, style, f"r = {ratio:g}")
    within = f"within {100 * TOLERANCE:.0f} %"
    axes.axhspan(1 - TOLERANCE, 1 + TOLERANCE, color="0.9", zorder=0, linewidth=0, label=within)
    sizes = [row["n"] for row in rows]
    label = f"features active at once, n p (n from {min(sizes):,} to {max(sizes):,})"
    style_axes(axes, label, "engineered loss / formula, one rug per point")
    axes.set(xscale="log", yscale="log")
    _set_ticks(axes.yaxis, (1, 1.1, 1.25, 1.5, 2, 3, 4))
    axes.minorticks_off()
    axes.legend(**_LEGEND)


def _plot_symmetry(report: _Row) -> Figure:
    title = f"How models become alike in all features as n grows (r = {RATIO}, p = {DENSITY})"
    figure = new_figure(8.4, 6.0, title)
    panels, sizes = figure.subplots(2, 2), report["sizes"]
    panels[0, 1].sharey(panels[0, 0])
    for axes, start in zip(panels[0], STARTS, strict=True):
        powers = report["scaling"]["sizes"][start]
        for (name, label), style in zip(_VARIANCES.items(), _MARKERS, strict=False):
            exponent = f"$n^{{{powers[name]['exponent']:.1f}}}$"
            _draw_line(axes, sizes, [size[start][name] for size in sizes], style, f"{label}, {exponent}")
        style_axes(axes, "features n", f"variance over features / mean², start {start}")
        axes.set_yscale("log")
    for name, label in _MODELS.items():
        noise, losses = [size[name]["noise"] for size in sizes], [size[name]["loss"]["mean"] for size in sizes]
        shares = [loss / size["theory"] for loss, size in zip(losses, sizes, strict=True)]
        for axes, y in zip(panels[1], (noise, shares), strict=True):
            _draw_line(axes, sizes, y, _MODEL_MARKERS[name], label)
    chance = chance_distance(INPUTS)
    panels[1, 0].axhline(chance, color=_GREY, linestyle="--", label="a Gaussian, by chance")
    style_axes(panels[1, 0], "features n", "noise's distance from a Gaussian (KS)")
    panels[1, 0].set(yscale="log", ylim=(chance / 1.5, None))
    panels[1, 1].axhline(1, color="black", linewidth=1)
    style_axes(panels[1, 1], "features n", "loss / formula")
    for axes in panels.flat:
        axes.set_xscale("log", base=2)
        axes.set_xticks([size["n"] for size in sizes], labels=[f"{size['n']}" for size in sizes])
        axes.legend(**_LEGEND)
    return figure


def _plot_weights(weights: Mapping[str, np.ndarray]) -> Figure:
    n = len(next(iter(weights.values())))
    figure = new_figure(9.0, 4.6, f"The rug: W = W_out W_in of {n} features through {round(RATIO * n)}")
    panels = figure.subplots(1, 2)
    limit = _DEVIATIONS * np.sqrt((1 - RATIO) / RATIO / n)
    for axes, (title, W) in zip(panels, weights.items(), strict=True):
        image = axes.imshow(W / W.diagonal().mean(), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        style_axes(axes, "input feature", title=title)
        axes.grid(False)
    panels[0].set_ylabel("output feature", fontsize=8)
    bar = figure.colorbar(image, ax=panels, shrink=0.8, aspect=30, extend="both")
    bar.ax.tick_params(labelsize=7)
    bar.set_label("W over the mean of its diagonal", fontsize=8)
    return figure


def _plot_shuffles(report: _Row) -> Figure:
    shuffles, names = report["shuffles"], [*KEEPING, *BREAKING]
    figure = new_figure(7.2, 4.0, f"What matters in W and b, n = {shuffles['n']}, r = {RATIO}, p = {DENSITY}")
    axes = figure.subplots()
    y = np.arange(len(names)) + (np.arange(len(names)) >= len(KEEPING)) * 0.6
    for model, offset, (colour, _) in (("trained", -0.19, _TRAINED), ("engineered", 0.19, _ENGINEERED)):
        widths = [shuffles[model][name] - 1 for name in names]
        axes.barh(y + offset, widths, 0.36, left=1, color=colour, label=model)
    style_axes(axes, "loss after the change / loss before")
    axes.set_yticks(y, labels=names, fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    most = 1.1 * max(shuffles["trained"].values())
    _set_ticks(axes.xaxis, [tick for tick in (0.8, 1, 1.5, 2, 3, 5, 7, 10, 15, 20) if tick <= most])
    axes.minorticks_off()
    for label, top in (("statistics kept", y[0]), ("statistics broken", y[len(KEEPING)])):
        axes.text(1.01, top - 0.58, label, fontsize=7.5, color="0.35", va="center")
    axes.legend(**_LEGEND, loc="upper right")
    return figure


def _draw_line(axes: Axes, sizes: Sequence[_Row], y: Sequence[float], style: tuple[str, str], label: str) -> None:
    colour, marker = style
    axes.plot([size["n"] for size in sizes], y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=label)


def _draw_points(
    axes: Axes, x: Sequence[float], y: Sequence[float], errors: Sequence[float], style: tuple[str, str], label: str
) -> None:
    colour, marker = style
    axes.errorbar(x, y, errors, label=label, color=colour, marker=marker, **_POINTS)


def _set_ticks(axis: Axis, ticks: Sequence[float]) -> None:
    """Plain numbers as ticks of a logarithmic axis."""
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
