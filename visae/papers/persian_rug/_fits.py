"""What is fitted to, and concluded from, the measures of the Persian rug."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from visae.papers import persian_rug as toy
from visae.papers.persian_rug._setting import RATIO

SYMMETRIES = ("diagonal", "bias", "row_energy", "noise")  # of a trained model, that should vanish with n
STARTS = ("tied", "apart")
GAIN = 0.05  # that a ReLU can at least bring where p counts as moderate

_Row = Mapping[str, Any]


def scaling(report: _Row) -> dict[str, Any]:
    """Powers that were fitted: of p at high sparsity, and of n by symmetries and noise of trained models.

    fitted:   n and p of the rugs for which n is large enough, and c in L = c p^2 ln(1 / p) (1 - r) / r there.
    left_out: n and p of the rugs as sparse as these for which it is not.
    """
    rows = _sparse(report)
    fitted = [row for row in rows if row["large"]]
    densities = [row["p"] for row in fitted]
    of_p = {name: toy.fit_sparse(densities, [row[name] for row in fitted], RATIO) for name in ("theory", "loss")}
    return {
        "fitted": [{"n": row["n"], "p": row["p"], **_constants(row)} for row in fitted],
        "left_out": [{"n": row["n"], "p": row["p"]} for row in rows if not row["large"]],
        "densities": {name: asdict(power) for name, power in of_p.items()},
        "sizes": {start: _powers_of_n(report["sizes"], start) for start in STARTS},
    }


def moderate(report: _Row) -> list[_Row]:
    """The points of the grid at r = `RATIO` where p is neither sparse nor dense.

    Not sparse: above the range of the scaling at high sparsity. Not dense: the best linear model loses more than the
    formula by `GAIN`; where it does not, nothing is left for a ReLU to win, and all models agree.
    """
    sparse = max(p for _, p in report["setting"]["sparse"])
    rows = [row for row in report["grid"] if row["ratio"] == RATIO and row["p"] > sparse]
    return [row for row in rows if row["linear"] > (1 + GAIN) * row["theory"]]


def bound(sizes: Sequence[_Row]) -> tuple[int, float]:
    """What the least loss of any large model is at most, over the formula: small ones side by side have theirs.

    Returns the n of the small ones that give the best bound, and the bound.
    """
    shares = {size["n"]: size["tied"]["loss"]["mean"] / size["theory"] for size in sizes}
    best = min(shares, key=lambda n: shares[n])
    return best, shares[best]


def _sparse(report: _Row) -> list[_Row]:
    """Rugs of one ratio that are as sparse as those of the scaling."""
    most = max(p for _, p in report["setting"]["sparse"])
    return [row for row in report["woven"] if row["asked"] == RATIO and row["p"] <= most]


def _constants(row: _Row) -> dict[str, float]:
    """c of the formula and of the rug, with the latter's standard error; the limit for p to 0 has c = 1 / 6."""
    unit = 6 * toy.sparse_limit(RATIO, row["p"])
    return {name: row[name] / unit for name in ("theory", "loss", "error")}


def _powers_of_n(sizes: Sequence[_Row], start: str) -> dict[str, dict[str, float]]:
    n = [size["n"] for size in sizes]
    return {name: asdict(toy.fit_power(n, [size[start][name] for size in sizes])) for name in SYMMETRIES}
