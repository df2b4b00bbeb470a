"""The reproduction of the Persian rug as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.reproduce.persian_rug.measures import INPUTS, bound
from visae.reproduce.persian_rug.setting import DENSITY, RATIO
from visae.table import markdown
from visae.toys.persian_rug import BREAKING, KEEPING, chance_distance

Row = Mapping[str, Any]

_PAPER = (
    "What the paper claims (Cowsik, Dolev and Infanger 2024, arXiv 2410.12101): a large model y = ReLU(W_out W_in x +"
    " b) of sparse features that are all alike learns weights of which only statistics count: the diagonal of W = W_out"
    " W_in and b are the same for all features, and what is off the diagonal adds Gaussian noise of the same variance"
    " to each. Such a model need not be trained: it is woven from d random rows of a Hadamard matrix, W = Rᵀ R / d, and"
    " read out by two numbers, y = ReLU(A (W x + m)). Its loss at large n has a closed form."
)
_DATA = (
    "Features are 0 but for a share p of inputs, in which they are uniform on [0, 1]; n features, a bottleneck of d,"
    " r = d / n; the loss is the mean squared error a feature. A model that always answers 0 has the loss p / 3."
)
_STARTS = (
    "Models are trained on fresh samples, at a rate that falls to zero. Those that start tied begin with W_out = W_inᵀ;"
    " those that start apart begin as torch draws its layers, and where p or n is small leave some features unlearned"
    " (W_ii below a tenth of the largest)."
)
_LARGE = (
    "The formula takes the noise for Gaussian, so many features must be active at once. Where n p is small the noise"
    " has heavier tails, its excess kurtosis is 5.4 / (n p) for p << 1, more of it passes the ReLU, and the woven loss"
    " is above the formula:"
)
_LINEAR = (
    "The linear baseline of the paper, (1 - r) p / 3, is the loss of a projection on random directions. The best affine"
    " model has (1 - r) (p / 3 - p² / 4), as Var(x) = p / 3 - p² / 4: the same for p << 1, and below it elsewhere. The"
    " figure shows the latter."
)
_SKEW = (
    "Skewness is that of the off-diagonal entries: below 0 where few large negative ones, whose noise the ReLU takes"
    " away, stand against many small positive ones. Then the noise is not Gaussian, and the formula is no bound."
)
_BOUND = (
    "A bound that needs no large model: k copies of a model side by side are a model of k times as many features with"
    " the same loss a feature. The least loss at r = {ratio} and any multiple of {n} features is at most"
    " {share:.2f} times the formula, that of the models of {n} features trained here. So the woven model is not"
    " the best at large n, whatever training finds there."
)


def rug_page(report: Row) -> str:
    """The page of a report of `visae.reproduce.persian_rug`."""
    sizes = report["sizes"]
    n, share = bound(sizes)
    parts = [
        "# The Persian rug",
        _PAPER,
        _DATA,
        "![The rug, and a trained model](rug.png)",
        "## The paper's numbers and ours",
        markdown(_verdicts(report["verdicts"])),
        "## Loss",
        _STARTS,
        f"n = {report['setting']['n']}, means over {report['setting']['seeds']} seeds:",
        markdown(_grid(report["grid"])),
        "![Loss against density and ratio](loss.png)",
        _LINEAR,
        "## Where n is large enough",
        _LARGE,
        markdown(_woven(report["woven"])),
        "![High sparsity](sparsity.png)",
        _sparse(report),
        "## Symmetry",
        f"r = {RATIO}, p = {DENSITY}. Variances are over features, relative to the square of the mean. The noise's"
        f" distance is Kolmogorov and Smirnov's, over {INPUTS:,} samples; by chance it is"
        f" {chance_distance(INPUTS):.4f}.",
        markdown(_sizes(sizes)),
        _SKEW,
        "![Symmetry against size](symmetry.png)",
        _BOUND.format(ratio=RATIO, n=n, share=share),
        "## Shuffles",
        f"The loss of a trained and of the woven model of {report['shuffles']['n']} features after changes of W and b,"
        " over the loss before:",
        markdown(_shuffles(report["shuffles"])),
        "![Shuffles](shuffles.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _verdicts(found: Sequence[Row]) -> list[list[str]]:
    rows = [["claim", "paper", "ours", "verdict", "rule"]]
    for one in found:
        verdict = "reproduced" if one["holds"] else "not reproduced"
        rows.append([one["claim"], one["paper"], one["ours"], verdict, one["rule"]])
    return rows


def _grid(grid: Sequence[Row]) -> list[list[str]]:
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


def _woven(rows: Sequence[Row]) -> list[list[str]]:
    table = [["n", "r", "p", "n p", "excess kurtosis", "formula", "woven", "woven / formula"]]
    for row in rows:
        share, error = row["loss"] / row["theory"], row["error"] / row["theory"]
        table.append(
            [
                f"{row['n']}",
                f"{row['ratio']:.3f}",
                f"{row['p']:g}",
                f"{row['n'] * row['p']:.1f}",
                f"{row['kurtosis']:.2f}",
                f"{row['theory']:.3e}",
                f"{row['loss']:.3e}",
                f"{share:.3f} ± {error:.3f}",
            ]
        )
    return table


def _sparse(report: Row) -> str:
    fitted, densities = report["scaling"]["densities"], report["setting"]["sparse"]
    theory, woven = fitted["theory"], fitted["loss"]
    return (
        f"At high sparsity L = c p^k ln(1/p) (1 - r) / r, and for p to 0 the formula gives c = 1/6 and k = 2. Fitted"
        f" from p = {min(densities):g} to {max(densities):g}: c = {theory['constant']:.3f} and"
        f" k = {theory['exponent']:.2f} for the formula, c = {woven['constant']:.3f} and"
        f" k = {woven['exponent']:.2f} for rugs of {max(report['setting']['woven']):,} features."
    )


def _sizes(sizes: Sequence[Row]) -> list[list[str]]:
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
        share = f"{woven['loss']['mean'] / size['theory']:.3f}"
        rows.append([f"{size['n']}", "woven", share, "0", "0", "0", energy, "0", "0 %", f"{woven['noise']:.4f}"])
        rows += [_trained(size, start) for start in ("tied", "apart")]
    return rows


def _trained(size: Row, start: str) -> list[str]:
    of = size[start]
    variances = [f"{of[name]:.1e}" for name in ("diagonal", "bias", "row_energy")]
    share = f"{of['loss']['mean'] / size['theory']:.3f}"
    rest = [f"{of['energy']:.2f}", f"{of['skewness']:+.1f}", f"{100 * of['unlearned']:.0f} %", f"{of['noise']:.4f}"]
    return [f"{size['n']}", f"trained, {start}", share, *variances, *rest]


def _shuffles(found: Row) -> list[list[str]]:
    rows = [["what is changed", "should", "trained", "woven"]]
    for should, changes in (("keep", KEEPING), ("damage", BREAKING)):
        rows += [[name, should, f"{found['trained'][name]:.2f}", f"{found['woven'][name]:.2f}"] for name in changes]
    return rows


def _mean(of: Row) -> str:
    return f"{of['mean']:.3e} ± {of['deviation']:.0e}"
