"""The tables of the page of the Persian rug, each as its rows of text, the head first."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.papers.persian_rug._fits import STARTS
from visae.papers.persian_rug._setting import RATIO
from visae.papers.persian_rug._shuffles import BREAKING, KEEPING
from visae.papers.persian_rug._weaving import ACTIVE

Row = Mapping[str, Any]
Table = list[list[str]]


def setting_table(report: Row) -> Table:
    """What was woven and trained."""
    of, seed = report["setting"], report["seed"]
    of_p = ", ".join(f"{p:g} ({n:,})" for n, p in sorted(of["sparse"], key=lambda point: float(point[1])))
    return [
        ["what", f"setting {of['name']}, seed {seed}"],
        ["features n of the sweeps over p and r", f"{of['n']}"],
        ["features n of the models over sizes", ", ".join(f"{n}" for n in of["sizes"])],
        ["models of each kind that are trained", f"{of['seeds']}, of seeds from {seed}"],
        *[[f"training, start {start}", _training(of[start])] for start in STARTS],
        ["features n of rugs beside the formula", ", ".join(f"{n:,}" for n in of["woven"])],
        ["outputs on which a rug is fitted, and others on which it is measured", f"{of['values']:,}"],
        ["p (and n) of the sparse rugs", of_p],
        ["outputs for a sparse rug", f"{ACTIVE:,} / p, of which so many features are active"],
    ]


def verdict_table(found: Sequence[Row]) -> Table:
    """The paper's number beside ours, a row a claim."""
    rows = [["claim", "paper", "ours", "verdict", "rule"]]
    for one in found:
        verdict = "reproduced" if one["holds"] else "not reproduced"
        rows.append([one["claim"], one["paper"], one["ours"], verdict, one["rule"]])
    return rows


def grid_table(grid: Sequence[Row]) -> Table:
    """Losses over density and ratio."""
    rows = [["r", "p", "linear", "formula", "woven", "trained", "trained / woven"]]
    for row in grid:
        woven, trained = row["woven"], row["trained"]
        rows.append(
            [
                f"{row['ratio']:.3f}",
                f"{row['p']:g}",
                f"{row['linear']:.3e}",
                f"{row['theory']:.3e}",
                _mean(woven),
                _mean(trained),
                f"{trained['mean'] / woven['mean']:.2f}",
            ]
        )
    return rows


def woven_table(rows: Sequence[Row]) -> Table:
    """Rugs beside the formula, and whether n is large enough."""
    table = [["n", "r", "p", "n p", "excess kurtosis", "correction", "n is", "formula", "woven", "woven / formula"]]
    for row in rows:
        share, error = row["loss"] / row["theory"], row["error"] / row["theory"]
        table.append(
            [
                f"{row['n']}",
                f"{row['ratio']:.3f}",
                f"{row['p']:g}",
                f"{row['n'] * row['p']:.1f}",
                f"{row['kurtosis']:.2f}",
                f"{100 * row['correction']:+.1f} %",
                "large" if row["large"] else "too small",
                f"{row['theory']:.3e}",
                f"{row['loss']:.3e}",
                f"{share:.3f} ± {error:.3f}",
            ]
        )
    return table


def constant_table(fitted: Sequence[Row]) -> Table:
    """c in L = c p^2 ln(1/p) (1 - r) / r."""
    rows = [["n", "p", "n p", "c of the formula", "c of one rug"]]
    for one in sorted(fitted, key=lambda one: float(one["p"])):
        woven = f"{one['loss']:.3f} ± {one['error']:.3f}"
        rows.append([f"{one['n']}", f"{one['p']:g}", f"{one['n'] * one['p']:.0f}", f"{one['theory']:.3f}", woven])
    return rows


def size_table(sizes: Sequence[Row]) -> Table:
    """Loss and symmetry over n."""
    head = [
        "n",
        "model",
        "loss / formula",
        "diagonal",
        "bias",
        "row energy",
        "energy / diagonal²",
        "skewness",
        "unlearned",
        "noise",
    ]
    rows = [head]
    for size in sizes:
        woven = size["woven"]
        energy = f"{(1 - RATIO) / RATIO:.2f}"
        share = _of_formula(size, "woven")
        rows.append([f"{size['n']}", "woven", share, "0", "0", "0", energy, "0", "0 %", f"{woven['noise']:.4f}"])
        rows += [_trained(size, start) for start in STARTS]
    return rows


def shuffle_table(found: Row) -> Table:
    """Losses after changes of W and b."""
    rows = [["what is changed", "should", "trained", "woven"]]
    for should, changes in (("keep", KEEPING), ("damage", BREAKING)):
        rows += [[name, should, f"{found['trained'][name]:.2f}", f"{found['woven'][name]:.2f}"] for name in changes]
    return rows


def _training(of: Row) -> str:
    return (
        f"{of['steps']:,} steps of {of['batch']:,} samples, first rate {of['lr']:g} / √n; loss on {of['held_out']:,}"
        " others"
    )


def _trained(size: Row, start: str) -> list[str]:
    of = size[start]
    variances = [f"{of[name]:.1e}" for name in ("diagonal", "bias", "row_energy")]
    rest = [f"{of['energy']:.2f}", f"{of['skewness']:+.1f}", f"{100 * of['unlearned']:.0f} %", f"{of['noise']:.4f}"]
    return [f"{size['n']}", f"trained, {start}", _of_formula(size, start), *variances, *rest]


def _of_formula(size: Row, model: str) -> str:
    mean, deviation = (size[model]["loss"][key] / size["theory"] for key in ("mean", "deviation"))
    return f"{mean:.3f} ± {deviation:.3f}"


def _mean(of: Row) -> str:
    return f"{of['mean']:.3e} ± {of['deviation']:.0e}"
