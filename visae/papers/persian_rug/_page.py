"""The reproduction of the Persian rug as a page of Markdown."""

from collections.abc import Sequence

from visae._support.tables import markdown
from visae.papers.persian_rug._fits import GAIN, bound, moderate
from visae.papers.persian_rug._measures import INPUTS
from visae.papers.persian_rug._setting import DENSITY, NEAR, RATIO
from visae.papers.persian_rug._symmetry import chance_distance
from visae.papers.persian_rug._tables import (
    Row,
    constant_table,
    grid_table,
    setting_table,
    shuffle_table,
    size_table,
    verdict_table,
    woven_table,
)
from visae.papers.persian_rug._weaving import RUGS

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
    " is above the formula. The correction says by how much, to first order in 1 / n; where it is not small it says too"
    " much. n counts as large enough for the formula where the correction is within {near:.0f} %. One rug a point; ± is"
    " the standard error over its samples, and rugs of small n differ by a few percent besides."
)
_MODERATE = (
    "Moderate p is above {sparse:g}, the end of the range of high sparsity below, and up to where the best linear model"
    " loses {gain:.0f} % more than the formula; beyond, little is left for a ReLU to win, and all models agree. Here:"
    " p = {moderate}. A share below 1 is no failure of training: see the bound under Symmetry."
)
_SPARSE = (
    "At high sparsity L = c p^k ln(1/p) (1 - r) / r; for p to 0 the formula has k = 2 and c = 1/6 = 0.167. Fitted are"
    " the {fitted} rugs above of r = {ratio} and p up to {most:g} for which n is large enough; {left_out}."
    " k = {theory:.2f} for the formula at the same points, {woven:.2f} for the rugs. With k = 2, c is:"
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
    """The page of a report of `visae.papers.persian_rug._reproduce`."""
    sizes = report["sizes"]
    n, share = bound(sizes)
    seeds = report["setting"]["seeds"]
    parts = [
        "# The Persian rug",
        _PAPER,
        _DATA,
        "![The rug, and a trained model](rug.png)",
        "## The paper's numbers and ours",
        markdown(verdict_table(report["verdicts"])),
        "What was woven and trained:",
        markdown(setting_table(report)),
        "## Loss",
        _STARTS,
        f"n = {report['setting']['n']}, start tied; means over {seeds} rugs and {seeds} trained models, ± their"
        " standard deviation:",
        markdown(grid_table(report["grid"])),
        _moderate(report),
        "![Loss against density and ratio](loss.png)",
        _LINEAR,
        "## Where n is large enough",
        _LARGE.format(near=100 * NEAR),
        markdown(woven_table(report["woven"])),
        _sparse(report["setting"], report["scaling"]),
        markdown(constant_table(report["scaling"]["fitted"])),
        "![High sparsity](sparsity.png)",
        "## Symmetry",
        f"r = {RATIO}, p = {DENSITY}; means over {RUGS} rugs and {seeds} trained models, ± their standard deviation."
        " Variances are over features, relative to the square of the mean. The noise's"
        f" distance is Kolmogorov and Smirnov's, over {INPUTS:,} samples; by chance it is"
        f" {chance_distance(INPUTS):.4f}.",
        markdown(size_table(sizes)),
        _SKEW,
        "![Symmetry against size](symmetry.png)",
        _BOUND.format(ratio=RATIO, n=n, share=share),
        "## Shuffles",
        f"The loss of one trained model (start tied, first seed) and of one rug, of {report['shuffles']['n']} features,"
        " after changes of W and b, over the loss before; means over repetitions of each change:",
        markdown(shuffle_table(report["shuffles"])),
        "![Shuffles](shuffles.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _moderate(report: Row) -> str:
    sparse = max(p for _, p in report["setting"]["sparse"])
    densities = ", ".join(f"{row['p']:g}" for row in moderate(report))
    return _MODERATE.format(sparse=sparse, gain=100 * GAIN, moderate=densities)


def _sparse(setting: Row, scaling: Row) -> str:
    densities = scaling["densities"]
    return _SPARSE.format(
        fitted=len(scaling["fitted"]),
        ratio=RATIO,
        most=max(p for _, p in setting["sparse"]),
        left_out=_left_out(scaling["left_out"]),
        theory=densities["theory"]["exponent"],
        woven=densities["loss"]["exponent"],
    )


def _left_out(rugs: Sequence[Row]) -> str:
    if not rugs:
        return "none is left out"
    sizes = " and ".join(f"{n:,}" for n in sorted({rug["n"] for rug in rugs}))
    return f"the other {len(rugs)}, of {sizes} features, are left out"
