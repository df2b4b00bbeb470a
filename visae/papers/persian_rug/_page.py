"""The reproduction of the Persian rug as a Markdown page: the tables and values that fill page.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from visae.papers.persian_rug._measures import BREAKING, KEEPING, chance_distance
from visae.papers.persian_rug._model import STARTS
from visae.papers.persian_rug._settings import ACTIVE, DENSITY, INPUTS, RATIO, RUGS, TOLERANCE
from visae.papers.persian_rug._verdicts import MIN_GAIN, densest_sparse, moderate_rows, upper_bound
from visae.papers.report import Columns, fill_page, table, verdict_parts

_Row = Mapping[str, Any]


def _exact(key: str, form: str) -> Callable[[_Row], str]:
    """A column with numbers that are exactly 0 for a rug."""
    return lambda row: format(row[key], form) if row[key] else "0"


_GRID: Columns = {
    "r": "{ratio:.3f}",
    "p": "{p:g}",
    "linear": "{linear:.3e}",
    "formula": "{theory:.3e}",
    "engineered": "{engineered[mean]:.3e} ± {engineered[deviation]:.0e}",
    "trained": "{trained[mean]:.3e} ± {trained[deviation]:.0e}",
    "trained / engineered": lambda row: f"{row['trained']['mean'] / row['engineered']['mean']:.2f}",
}
_ENGINEERED: Columns = {
    "n": "{n}",
    "r": "{ratio:.3f}",
    "p": "{p:g}",
    "n p": lambda row: f"{row['n'] * row['p']:.1f}",
    "excess kurtosis": "{kurtosis:.2f}",
    "correction": lambda row: f"{100 * row['correction']:+.1f} %",
    "n is": lambda row: "large" if row["large"] else "too small",
    "formula": "{theory:.3e}",
    "engineered": "{loss:.3e}",
    "engineered / formula": lambda row: f"{row['loss'] / row['theory']:.3f} ± {row['error'] / row['theory']:.3f}",
}
_CONSTANTS: Columns = {
    "n": "{n}",
    "p": "{p:g}",
    "n p": lambda row: f"{row['n'] * row['p']:.0f}",
    "c of the formula": "{theory:.3f}",
    "c of one rug": "{loss:.3f} ± {error:.3f}",
}
_SIZES: Columns = {
    "n": "{n}",
    "model": "{model}",
    "loss / formula": lambda row: " ± ".join(f"{row['loss'][key] / row['theory']:.3f}" for key in row["loss"]),
    "diagonal": _exact("diagonal", ".1e"),
    "bias": _exact("bias", ".1e"),
    "row energy": _exact("row_energy", ".1e"),
    "energy / diagonal²": "{energy:.2f}",
    "skewness": _exact("skewness", "+.1f"),
    "unlearned": lambda row: f"{100 * row['unlearned']:.0f} %",
    "noise": "{noise:.4f}",
}
_CHANGES: Columns = {
    "change": "{name}",
    "loss should": "{should}",
    "trained": "{trained:.2f}",
    "engineered": "{engineered:.2f}",
}


def rug_page(report: _Row) -> str:
    """Render the report of `visae.papers.persian_rug.reproduce` as a page."""
    sizes, scaling = report["sizes"], report["scaling"]
    bound_n, bound = upper_bound(sizes)
    tables = {
        "grid_table": table(report["grid"], _GRID),
        "engineered_table": table(report["engineered"], _ENGINEERED),
        "constant_table": table(sorted(scaling["fitted"], key=lambda row: float(row["p"])), _CONSTANTS),
        "size_table": table(_size_rows(sizes), _SIZES),
        "change_table": table(_change_rows(report["shuffles"]), _CHANGES),
    }
    settings = report["settings"]
    sparse = sorted(settings["sparse"], key=lambda point: float(point[1]))
    values = {
        "sizes": ", ".join(f"{n}" for n in settings["sizes"]),
        "engineered_sizes": ", ".join(f"{n:,}" for n in settings["engineered_sizes"]),
        "sparse": ", ".join(f"{p:g} ({n:,})" for n, p in sparse),
        "most_sparse": densest_sparse(report),
        "min_gain": 100 * MIN_GAIN,
        "moderate": ", ".join(f"{row['p']:g}" for row in moderate_rows(report)),
        "tolerance": 100 * TOLERANCE,
        "fitted": len(scaling["fitted"]),
        "left_out": _left_out(scaling["left_out"]),
        "powers": scaling["densities"],
        "chance": chance_distance(INPUTS),
        "bound_n": bound_n,
        "bound": bound,
    }
    constants = {"ratio": RATIO, "density": DENSITY, "rugs": RUGS, "inputs": INPUTS, "active": ACTIVE}
    return fill_page("persian_rug", {**report, **verdict_parts(report), **tables, **values, **constants})


def _left_out(rugs: Sequence[_Row]) -> str:
    if not rugs:
        return "none is left out"
    sizes = " and ".join(f"{n:,}" for n in sorted({rug["n"] for rug in rugs}))
    return f"the other {len(rugs)}, of {sizes} features, are left out"


def _size_rows(sizes: Sequence[_Row]) -> Iterator[_Row]:
    # Exact for a rug.
    rug = {"diagonal": 0, "bias": 0, "row_energy": 0, "energy": (1 - RATIO) / RATIO, "skewness": 0, "unlearned": 0}
    for size in sizes:
        yield {**size, "model": "engineered", **rug, **size["engineered"]}
        for start in STARTS:
            yield {**size, "model": f"trained, {start}", **size[start]}


def _change_rows(shuffles: _Row) -> Iterator[_Row]:
    for should, changes in (("stay", KEEPING), ("grow", BREAKING)):
        for name in changes:
            losses = {model: shuffles[model][name] for model in ("trained", "engineered")}
            yield {"name": name, "should": should, **losses}
