"""The page of superposition in curves: one table, one figure, and what they show and do not."""

from collections.abc import Mapping
from typing import Any

from visae._support.tables import markdown

_FAINT = 0.1  # cosines that are smaller, of directions at 84 degrees or more
_SLIGHT = 0.02  # a difference of shares that is too small to matter, however well it is known
_WEAK = 0.3  # r below which an SAE may have made it of nothing, as it makes up to 0.26 on the planted network

_INTRODUCTION = (
    "Two models of superposition say what to expect of features that share too few dimensions. The Persian rug "
    "(arXiv 2410.12101) has sparse features that are independent: what they add to each other is noise, and no "
    "arrangement is better than another. The bag of words (arXiv 2603.09972) has features that come together: "
    "their directions follow co-activation, on a ring if the features are on one, and interference helps. Which "
    "of the two are curve and line features of a real dictionary like?"
)

_MEANINGS = (
    "After ±, what is measured over rows has its standard error for there being no more of them. r: of the correlation "
    "of two features' activations against the cosine of their directions, over pairs; in brackets its control, "
    "directions given to other features, with its standard deviation. Constructive: the share of what other features "
    "add to a feature's pre-activation that raises it where it fires or lowers it where it does not; in brackets the "
    "control, activations shuffled over rows for each feature by itself. By directions: the same share if features "
    "were read along their own directions, not by an encoder that has learned what to lower. Borrowed: of what tells a "
    "feature's presence from its absence, the share that other features supply; in brackets the control. Ring: how "
    "well angles in the plane of the top two components are the places on the ring, 1 for the same; in brackets by "
    "chance. Neighbours kept: of the pairs side by side around that plane, the share that are side by side on the "
    "ring; in brackets by chance. Harmonics: shares of the directions' variance that harmonics 1 to 3 of the place on "
    "the ring explain, %; in brackets by chance."
)


def superposition_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.papers.superposition_in_curves._reproduce`."""
    parts = [f"# Superposition in curves: {report['network']}", _INTRODUCTION]
    for layer, found in report["layers"].items():
        sae = found["sae"]
        parts += [
            f"## {layer}",
            f"{sae['kind']}, {sae['width']:,} features, of which {found['curves']} are curves and {found['lines']} "
            f"lines; measured on {found['rows']:,} rows, of images that it was not trained on, and these features "
            f"fire on {found['density']:.2%} of them in the mean. Setting: {report['setting']}.",
            markdown(_table(found["populations"])),
            f"![Features of {layer} beside the toys]({layer}/superposition.png)",
            paragraph(found["populations"]),
        ]
    return "\n\n".join([*parts, _MEANINGS]) + "\n"


def _table(populations: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    head = ["features", "pairs' r", "constructive", "by directions", "borrowed", "ring", "neighbours kept"]
    rows = [[*head, "harmonics 1 2 3"]]
    for name, of in populations.items():
        arranged, shared, ring = of["arrangement"], of["interference"], of["ring"]
        rows.append(
            [
                name,
                f"{_off(arranged['r'], arranged['error'])} ({_off(arranged['shuffled_r'], arranged['shuffled_sd'])})",
                f"{_constructive(shared['read'])} ({_two(shared['shuffled']['constructive'])})",
                _constructive(shared["along"]),
                f"{_off(shared['read']['borrowed'], shared['read']['borrowed_error'])} "
                f"({_two(shared['shuffled']['borrowed'])})",
                *(["", "", ""] if ring is None else _cells(ring)),
            ]
        )
    return rows


def _constructive(of: Mapping[str, Any]) -> str:
    return _off(of["constructive"], of["constructive_error"])


def _cells(ring: Mapping[str, Any]) -> list[str]:
    return [
        f"{_two(ring['alike'])} ({_two(ring['shuffled_alike'])})",
        f"{_two(ring['kept'])} ({_two(ring['kept_by_chance'])})",
        f"{_hundredths(ring['harmonics'])} ({_hundredths(ring['shuffled_harmonics'])})",
    ]


def paragraph(populations: Mapping[str, Mapping[str, Any]]) -> str:
    """What the figure shows of the first population, beside the others, by rules that are the same for any layer."""
    layer, *toys = populations
    others = {name: populations[name] for name in toys}
    return " ".join(
        [
            *_of_arrangement(populations[layer]["arrangement"], others),
            *_of_interference(populations[layer]["interference"], others),
            *_of_ring(populations[layer]["ring"]),
            _NOT,
        ]
    )


def _of_arrangement(of: Mapping[str, Any], toys: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if of["r"] is None or of["shuffled_sd"] is None:
        return ["Co-activation cannot be set against directions: no two of these features vary."]
    deviations = (of["r"] - of["shuffled_r"]) / max(of["shuffled_sd"], 1e-9)
    away = f"{abs(deviations):.1f} standard deviations from its shuffled control"
    beside = _beside({name: toy["arrangement"]["r"] for name, toy in toys.items()}, "{:.2f}")
    said = f"(r {_off(of['r'], of['error'])}, {away}{beside})"
    return [f"{_arranged(of['r'], deviations)} {said}.", _span(of)]


def _arranged(r: float, deviations: float) -> str:
    if abs(deviations) < 3:
        return "Directions do not follow co-activation, as in the Persian rug"
    if deviations < 0:
        return "Features that fire together have directions that are less alike, as in neither toy"
    if r < _WEAK:
        return "Features that fire together have directions that are hardly more alike, nearer to the Persian rug"
    return "Features that fire together have directions that are more alike, as in the bag of words"


def _span(of: Mapping[str, Any]) -> str:
    """How much there is to arrange: directions that are all nearly at right angles share little."""
    faint = "; they are nearly at right angles, and any arrangement is faint" if of["cosines"] < _FAINT else ""
    return f"95 of 100 of their cosines are within {of['cosines']:.3f} of 0{faint}."


def _of_interference(of: Mapping[str, Any], toys: Mapping[str, Mapping[str, Any]]) -> list[str]:
    read, shuffled = of["read"], of["shuffled"]["constructive"]
    if read["constructive"] is None or shuffled is None:
        return ["Interference is not defined for them."]
    beside = _beside({name: toy["interference"]["read"]["constructive"] for name, toy in toys.items()}, "{:.0%}")
    share = f"{read['constructive']:.0%} of it is constructive, {shuffled:.0%} where co-activation is shuffled away"
    return [
        f"Interference is help {_compared(read, shuffled)} among independent features: {share}{beside}.",
        *_along(of["along"]),
        f"Of what tells a feature's presence from its absence others supply {read['borrowed']:.0%}.",
    ]


def _along(of: Mapping[str, Any]) -> list[str]:
    if of["constructive"] is None:
        return []
    said = f"it would be help {_compared(of, 0.5)} among independent ones: {of['constructive']:.0%}"
    return [f"Read along their directions, and not as the encoder has learned to, {said}."]


def _compared(of: Mapping[str, Any], independent: float) -> str:
    more = of["constructive"] - independent
    if abs(more) < max(_SLIGHT, 3 * (of["constructive_error"] or 0)):
        return "as often as"
    return "more often than" if more > 0 else "less often than"


def _of_ring(of: Mapping[str, Any] | None) -> list[str]:
    if of is None:
        return ["There are too few curves to ask whether they lie on a ring."]
    follow = "follow" if of["alike"] > of["shuffled_alike_95"] else "do not follow"
    first, chance = of["harmonics"][0], of["shuffled_harmonics"][0]
    little = "" if first > 1.5 * chance else ": what lies on a ring is little of what they are"
    return [
        f"Around the plane of their top two components curves {follow} their orientation (alike {of['alike']:.2f}, and "
        f"of shuffled orders one in twenty reaches {of['shuffled_alike_95']:.2f}; {of['kept']:.0%} of neighbours are "
        f"kept, {of['kept_by_chance']:.0%} by chance, and one in twenty reaches {of['shuffled_kept_95']:.0%}).",
        f"The plane holds {of['share']:.0%} of their variance, the first harmonic of orientation {first:.0%}, and "
        f"{chance:.0%} by chance{little}.",
    ]


_NOT = (
    "What this does not show: why. Directions of features may be alike because the features come together in "
    "images, or because the network computes with them alike, as a rotation of one filter does. The SAE is trained "
    "for sparsity, and moves both the directions and what fires together: of the planted network, whose directions "
    "know nothing of what fires together, SAEs made an r of 0.07 to 0.26, and interference that was constructive to "
    "50 to 58% along directions and to 69 to 77% as they read it. Rows were drawn where the layer is active, so "
    "correlations are of those places; and a toy of a few features is no layer."
)


def _beside(figures: Mapping[str, float | None], form: str) -> str:
    """The same figure of the toys, as the end of what is said in brackets or in a sentence."""
    said = ", ".join(f"{name} {form.format(value)}" for name, value in figures.items() if value is not None)
    return f"; {said}" if said else ""


def _off(value: float | None, by: float | None) -> str:
    return _two(value) if value is None or by is None else f"{_two(value)} ± {by:.2f}"


def _two(value: float | None) -> str:
    # Rounded first, as what is just below 0 would keep its sign.
    return "" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _hundredths(shares: list[float]) -> str:
    return " ".join(f"{100 * share:.0f}" for share in shares[:3])
