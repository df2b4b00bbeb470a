"""What the paper claims of trained models, judged."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from visae.papers.persian_rug._fits import STARTS, bound, moderate
from visae.papers.persian_rug._measures import INPUTS
from visae.papers.persian_rug._setting import DENSITY, NOTEBOOK, RATIO
from visae.papers.persian_rug._shuffles import BREAKING, KEEPING
from visae.papers.persian_rug._symmetry import chance_distance
from visae.papers.persian_rug._verdict import Verdict, verdict
from visae.papers.persian_rug._verdicts_woven import PAPER_WOVEN

# From the authors' notebook: 512 features, a bottleneck of 128, p = 0.045.
_PAPER_TRAINED = 4.27e-3

_LOW, _HIGH = 0.8, 1.05  # of the woven loss, for a trained one
_KEPT, _BROKEN = 1.1, 1.25
_VARIANCES = {"diagonal": "diagonal", "bias": "bias", "row_energy": "row energy"}

_Row = Mapping[str, Any]


def of_trained(report: _Row) -> list[Verdict]:
    """The claims of models that were trained."""
    sizes = report["sizes"]
    return [
        *_moderate(report),
        _largest(sizes[-1]),
        *[_growing(sizes, start) for start in STARTS],
        *[_symmetries(sizes, report["scaling"]["sizes"][start], start) for start in STARTS],
        _noise(sizes[-1]),
        *_shuffles(report["shuffles"]),
    ]


def _moderate(report: _Row) -> list[Verdict]:
    shares = {row["p"]: row["trained"]["mean"] / row["woven"]["mean"] for row in moderate(report)}
    if not shares:
        return []
    return [
        verdict(
            f"Trained loss over woven loss at all moderate p, r = {RATIO}, n = {report['setting']['n']}, start tied",
            "1 at large n",
            ", ".join(f"{share:.2f} at p = {p:g}" for p, share in shares.items()),
            f"between {_LOW} and {_HIGH} at each",
            all(_LOW <= share <= _HIGH for share in shares.values()),
        )
    ]


def _largest(size: _Row) -> Verdict:
    shares = {start: _share(size, start) for start in STARTS}
    return verdict(
        f"The same at p = {DENSITY} for the largest models, n = {size['n']}",
        f"{_PAPER_TRAINED / PAPER_WOVEN:.2f} at n = {NOTEBOOK}, still falling (notebook)",
        ", ".join(f"{share:.2f} start {start}" for start, share in shares.items()),
        f"both between {_LOW} and {_HIGH}",
        all(_LOW <= share <= _HIGH for share in shares.values()),
    )


def _growing(sizes: Sequence[_Row], start: str) -> Verdict:
    shares = {size["n"]: _share(size, start) for size in sizes}
    _, most = bound(sizes)
    return verdict(
        f"The same as n grows, start {start}",
        "tends to 1",
        ", ".join(f"{share:.2f} at {n}" for n, share in shares.items()),
        f"nearer to 1 at each of the last three sizes, and no bound below {_LOW} (here: {most:.2f})",
        _falls(abs(1 - share) for share in list(shares.values())[-3:]) and most >= _LOW,
    )


def _symmetries(sizes: Sequence[_Row], powers: _Row, start: str) -> Verdict:
    stay = [words for name, words in _VARIANCES.items() if not _falls(size[start][name] for size in sizes)]
    fitted = ", ".join(f"{words} n^{powers[name]['exponent']:.1f}" for name, words in _VARIANCES.items())
    return verdict(
        f"Relative variance over the features of models that start {start}",
        "vanishes as n grows",
        fitted + (f"; not from each size to the next: {', '.join(stay)}" if stay else ""),
        "each falls from every size to the next",
        not stay,
    )


def _noise(size: _Row) -> Verdict:
    chance = chance_distance(INPUTS)
    trained = {start: size[start]["noise"] for start in STARTS}
    return verdict(
        f"Noise of trained models (Kolmogorov-Smirnov distance), n = {size['n']}",
        "Gaussian at large n",
        ", ".join(f"{noise:.3f} start {start}" for start, noise in trained.items())
        + f"; rugs {size['woven']['noise']:.3f}, chance {chance:.3f}",
        "both at most twice what it is by chance",
        all(noise <= 2 * chance for noise in trained.values()),
    )


def _shuffles(found: _Row) -> list[Verdict]:
    trained = found["trained"]
    kept = [name for name in KEEPING if trained[name] <= _KEPT]
    broken = [name for name in BREAKING if trained[name] >= _BROKEN]
    return [
        _counted("Shuffles that keep the statistics keep the loss", kept, KEEPING, f"at most {_KEPT} times the loss"),
        _counted("Changes that break them damage it", broken, BREAKING, f"at least {_BROKEN} times the loss"),
    ]


def _counted(claim: str, right: Sequence[str], of: _Row, rule: str) -> Verdict:
    wrong = [name for name in of if name not in right]
    ours = f"{len(right)} of {len(of)}" + (f"; not: {', '.join(wrong)}" if wrong else "")
    return verdict(claim, "all", ours, rule, not wrong)


def _share(size: _Row, start: str) -> float:
    """Trained loss over woven loss."""
    return float(size[start]["loss"]["mean"] / size["woven"]["loss"]["mean"])


def _falls(values: Iterable[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))
