"""The page of superposition in curves: one table, one figure, and what they show and do not."""

from collections.abc import Mapping
from typing import Any

from visae.table import markdown

_FAINT = 0.1  # cosines that are smaller, of directions at 84 degrees or more
_WEAK = 0.3  # r below which an SAE may have made it: up to 0.27 on the planted network, whose directions are random

_INTRODUCTION = (
    "Two models of superposition say what to expect of features that share too few dimensions. The Persian rug "
    "(arXiv 2410.12101) has sparse features that are independent: what they add to each other is noise, and no "
    "arrangement is better than another. The bag of words (arXiv 2603.09972) has features that come together: "
    "their directions follow co-activation, on a ring if the features are on one, and interference helps. Which "
    "of the two are curve and line features of a real dictionary like?"
)

_MEANINGS = (
    "r: of the correlation of two features' activations against the cosine of their directions, over pairs; in "
    "brackets its control, directions given to other features, with its standard deviation. Constructive: the "
    "share of what other features add to a feature's pre-activation that raises it where it fires or lowers it "
    "where it does not; in brackets the control, activations shuffled over rows for each feature by itself. "
    "Borrowed: of what tells a feature's presence from its absence, the share that other features supply; in "
    "brackets the same control. Ring: how well angles in the plane of the top two components are the places on "
    "the ring, 1 for the same; in brackets by chance. Harmonics: shares of the directions' variance that "
    "harmonics 1 to 3 of the place on the ring explain, %; in brackets by chance."
)


def superposition_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.reproduce.superposition_in_curves`."""
    parts = [f"# Superposition in curves: {report['network']}", _INTRODUCTION]
    for layer, found in report["layers"].items():
        sae = found["sae"]
        parts += [
            f"## {layer}",
            f"{sae['kind']}, {sae['width']:,} features, of which {found['curves']} are curves and {found['lines']} "
            f"lines; {found['rows']:,} rows, features fire on {found['density']:.2%} of them in the mean.",
            markdown(_table(found["populations"])),
            f"![Features of {layer} beside the toys]({layer}/superposition.png)",
            paragraph(found["populations"]),
        ]
    return "\n\n".join([*parts, _MEANINGS]) + "\n"


def _table(populations: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    rows = [["features", "pairs' r", "constructive", "by directions", "borrowed", "ring", "harmonics 1 2 3"]]
    for name, of in populations.items():
        arrangement, shared, ring = of["arrangement"], of["interference"], of["ring"]
        rows.append(
            [
                name,
                f"{_two(arrangement['r'])} ({_two(arrangement['shuffled_r'])} ± {_two(arrangement['shuffled_sd'])})",
                f"{_two(shared['constructive'])} ({_two(shared['shuffled'])})",
                _two(shared["by_directions"]),
                f"{_two(shared['borrowed'])} ({_two(shared['shuffled_borrowed'])})",
                "" if ring is None else f"{ring['alike']:.2f} ({ring['shuffled_alike']:.2f})",
                "" if ring is None else f"{_shares(ring['harmonics'])} ({_shares(ring['shuffled_harmonics'])})",
            ]
        )
    return rows


def paragraph(populations: Mapping[str, Mapping[str, Any]]) -> str:
    """What the figure shows, by rules that are the same for any layer, and what it does not."""
    layer = next(iter(populations.values()))
    return " ".join(
        [
            *_of_arrangement(layer["arrangement"]),
            *_of_interference(layer["interference"]),
            *_of_ring(layer["ring"]),
            _NOT,
        ]
    )


def _of_arrangement(of: Mapping[str, Any]) -> list[str]:
    if of["r"] is None or of["shuffled_sd"] is None:
        return ["Co-activation cannot be set against directions: no two of these features vary."]
    deviations = (of["r"] - of["shuffled_r"]) / max(of["shuffled_sd"], 1e-9)
    said = f"(r {of['r']:.2f}, {abs(deviations):.0f} standard deviations from its shuffled control)"
    if abs(deviations) < 3:
        return [f"Directions do not follow co-activation {said}: by this measure the layer is like the Persian rug."]
    hardly = "hardly " if abs(of["r"]) < _WEAK else ""
    if deviations < 0:
        return [f"Features that fire together have directions that are {hardly}less alike {said}, as in neither toy."]
    like = "nearer to the Persian rug than to the bag of words" if hardly else "as in the bag of words"
    return [f"Features that fire together have directions that are {hardly}more alike {said}, {like}.", _span(of)]


def _span(of: Mapping[str, Any]) -> str:
    """How much there is to arrange: directions that are all nearly at right angles share little."""
    faint = "; they are nearly at right angles, and the arrangement is faint" if of["cosines"] < _FAINT else ""
    return f"95 of 100 of their cosines are within {of['cosines']:.3f} of 0{faint}."


def _of_interference(of: Mapping[str, Any]) -> list[str]:
    if of["constructive"] is None or of["shuffled"] is None:
        return ["Interference is not defined for them."]
    more = of["constructive"] - of["shuffled"]
    share = f"{of['constructive']:.0%} of it is constructive, {of['shuffled']:.0%} where co-activation is shuffled away"
    if abs(more) < 0.02:
        return [f"Interference is what it would be among independent features: {share}."]
    alone = f"Read along the directions alone it is {of['by_directions']:.0%}: the rest is the encoder's doing."
    return [
        f"Interference is {'more' if more > 0 else 'less'} often help than among independent features: {share}.",
        alone,
    ]


def _of_ring(of: Mapping[str, Any] | None) -> list[str]:
    if of is None:
        return ["There are too few curves to ask whether they lie on a ring."]
    said = f"(alike {of['alike']:.2f}; of shuffled orders one in twenty reaches {of['shuffled_alike_95']:.2f})"
    first, chance = of["harmonics"][0], of["shuffled_harmonics"][0]
    share = (
        f"The plane holds {of['share']:.0%} of their variance, the first harmonic of orientation {first:.0%}, and "
        f"{chance:.0%} by chance{'' if first > 1.5 * chance else ': what lies on a ring is little of what they are'}."
    )
    if of["alike"] > of["shuffled_alike_95"]:
        return [f"Around the plane of their top two components curves follow their orientation {said}.", share]
    return [f"Around the plane of their top two components curves are in no order of orientation {said}.", share]


_NOT = (
    "What this does not show: why. Directions of features may be alike because the features come together in "
    "images, or because the network computes with them alike, as a rotation of one filter does; the SAE is "
    "trained for sparsity, and moves both the directions and what fires together; on the planted network, whose "
    "directions are drawn at random, r was from 0 to 0.27 for SAEs trained for 20 to 60 epochs; rows were drawn "
    "where the layer is active, so correlations are of those places; and twelve words or sixty-four rug features "
    "are no layer."
)


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _shares(values: list[float]) -> str:
    return " ".join(f"{100 * value:.0f}" for value in values[:3])
