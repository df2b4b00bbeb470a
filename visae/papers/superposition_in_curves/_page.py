"""The page of superposition in curves: one table and one plot per layer, and what they do and do not show."""

from collections.abc import Callable, Mapping
from typing import Any

from visae.papers.report import Columns, fill_page, table

_FAINT = 0.1  # smaller cosines, of directions at 84 degrees or more, count as faint
_SLIGHT = 0.02  # a difference of shares that is too small to matter, however well it is known
_WEAK = 0.3  # r that an SAE may produce without any arrangement: up to 0.26 on the planted network

_SECTION = """## {name}

{sae[kind]}, {sae[width]:,} features, {curves} curves and {lines} lines among them; measured on {rows:,} rows of \
images that it was not trained on. On average these features are active on {density:.2%} of them. Settings: {settings}.

{metrics}

![Features of {name} beside the toys]({name}/superposition.png)

{summary}"""
_LIMITS = (
    "What this does not show: why. Directions of features may be alike because the features come together in "
    "images, or because the network computes with them alike, as a rotation of one filter does. The SAE is trained "
    "for sparsity, and moves both the directions and what fires together: on the planted network, whose directions "
    "are independent of what fires together, SAEs produced an r of 0.07 to 0.26, and interference that was "
    "constructive to 50 to 58% along directions and to 69 to 77% as they read it. Rows were drawn where the layer is "
    "active, so correlations are of those positions; and a toy of a few features is no layer."
)

_Metrics = Mapping[str, Any]
_Populations = Mapping[str, _Metrics]


def superposition_page(report: _Metrics) -> str:
    """Render the report of `visae.papers.superposition_in_curves.reproduce` as a page."""
    sections = []
    for name, layer in report["layers"].items():
        rows = [{"name": population, **metrics} for population, metrics in layer["populations"].items()]
        values = {"name": name, "metrics": table(rows, _COLUMNS), "summary": summarise(layer["populations"])}
        sections.append(_SECTION.format(settings=report["settings"], **values, **layer))
    return fill_page("superposition_in_curves", {**report, "sections": "\n\n".join(sections)})


def _off(value: float | None, error: float | None) -> str:
    return _two(value) if value is None or error is None else f"{_two(value)} ± {error:.2f}"


def _two(value: float | None) -> str:
    # Rounded first, since a value just below 0 would keep its sign.
    return "" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _hundredths(shares: list[float]) -> str:
    return " ".join(f"{100 * share:.0f}" for share in shares[:3])


def _share(way: str, name: str) -> Callable[[_Metrics], str]:
    """A column with a share of interference and its error, with the shuffled control for what the model reads."""

    def cell(population: _Metrics) -> str:
        shares, control = population["interference"][way], population["interference"]["shuffled"][name]
        return _off(shares[name], shares[f"{name}_error"]) + (f" ({_two(control)})" if way == "read" else "")

    return cell


def _ring(name: str, control: str, form: Callable[[Any], str]) -> Callable[[_Metrics], str]:
    """A column with a metric of the ring and its control, empty if there is no ring."""

    def cell(population: _Metrics) -> str:
        ring = population["ring"]
        return "" if ring is None else f"{form(ring[name])} ({form(ring[control])})"

    return cell


def _pairs(population: _Metrics) -> str:
    arranged = population["arrangement"]
    return f"{_off(arranged['r'], arranged['error'])} ({_off(arranged['shuffled_r'], arranged['shuffled_sd'])})"


_COLUMNS: Columns = {
    "features": "{name}",
    "pairs' r": _pairs,
    "constructive": _share("read", "constructive"),
    "by directions": _share("along", "constructive"),
    "borrowed": _share("read", "borrowed"),
    "ring": _ring("alike", "shuffled_alike", _two),
    "neighbours kept": _ring("kept", "kept_by_chance", _two),
    "harmonics 1 2 3": _ring("harmonics", "shuffled_harmonics", _hundredths),
}


def summarise(populations: _Populations) -> str:
    """Describe what the metrics of the first population show beside the others, by the same rules for any layer."""
    layer, *names = populations
    metrics, toys = populations[layer], {name: populations[name] for name in names}
    sentences = [
        *_say_arrangement(metrics["arrangement"], toys),
        *_say_interference(metrics["interference"], toys),
        *_say_ring(metrics["ring"]),
        _LIMITS,
    ]
    return " ".join(sentences)


def _say_arrangement(arranged: _Metrics, toys: _Populations) -> list[str]:
    if arranged["r"] is None or arranged["shuffled_sd"] is None:
        return ["Co-activation cannot be compared with directions: fewer than two of these features vary."]
    deviations = (arranged["r"] - arranged["shuffled_r"]) / max(arranged["shuffled_sd"], 1e-9)
    away = f"{abs(deviations):.1f} standard deviations from its shuffled control"
    beside = _beside({name: toy["arrangement"]["r"] for name, toy in toys.items()}, "{:.2f}")
    faint = "; they are nearly at right angles, and any arrangement is faint" if arranged["cosines"] < _FAINT else ""
    return [
        f"{_arrangement(arranged['r'], deviations)} (r {_off(arranged['r'], arranged['error'])}, {away}{beside}).",
        f"95 of 100 of their cosines are within {arranged['cosines']:.3f} of 0{faint}.",
    ]


def _arrangement(r: float, deviations: float) -> str:
    if abs(deviations) < 3:
        return "Directions do not follow co-activation, as in the Persian rug"
    if deviations < 0:
        return "Features that fire together have directions that are less alike, as in neither toy"
    if r < _WEAK:
        return "Features that fire together have directions that are hardly more alike, nearer to the Persian rug"
    return "Features that fire together have directions that are more alike, as in the bag of words"


def _say_interference(shares: _Metrics, toys: _Populations) -> list[str]:
    read, along, shuffled = shares["read"], shares["along"], shares["shuffled"]["constructive"]
    if read["constructive"] is None or shuffled is None:
        return ["Interference is not defined for them."]
    beside = _beside({name: toy["interference"]["read"]["constructive"] for name, toy in toys.items()}, "{:.0%}")
    sentences = [
        f"Interference helps {_compared(read, shuffled)} among independent features: {read['constructive']:.0%} of it "
        f"is constructive, {shuffled:.0%} where co-activation is shuffled away{beside}."
    ]
    if along["constructive"] is not None:
        sentences.append(
            "Read along their directions, and not as the encoder has learned to, it would help "
            f"{_compared(along, 0.5)} among independent ones: {along['constructive']:.0%}."
        )
    borrowed = f"Others supply {read['borrowed']:.0%} of what tells a feature's presence from its absence."
    return [*sentences, borrowed]


def _compared(shares: _Metrics, independent: float) -> str:
    more = shares["constructive"] - independent
    if abs(more) < max(_SLIGHT, 3 * (shares["constructive_error"] or 0)):
        return "as often as"
    return "more often than" if more > 0 else "less often than"


def _say_ring(ring: _Metrics | None) -> list[str]:
    if ring is None:
        return ["There are too few curves to tell whether they lie on a ring."]
    follow = "follow" if ring["alike"] > ring["shuffled_alike_95"] else "do not follow"
    first, chance = ring["harmonics"][0], ring["shuffled_harmonics"][0]
    little = "" if first > 1.5 * chance else ": the ring is a small part of them"
    return [
        f"Around the plane of their top two components curves {follow} their orientation (alike {ring['alike']:.2f}, "
        f"and one shuffled order in twenty reaches {ring['shuffled_alike_95']:.2f}; {ring['kept']:.0%} of neighbours "
        f"are kept, {ring['kept_by_chance']:.0%} by chance, and one in twenty reaches {ring['shuffled_kept_95']:.0%}).",
        f"The plane holds {ring['share']:.0%} of their variance, the first harmonic of orientation {first:.0%}, and "
        f"{chance:.0%} by chance{little}.",
    ]


def _beside(metrics: Mapping[str, float | None], form: str) -> str:
    """The same metric for the toys, as the end of a sentence or bracket."""
    words = ", ".join(f"{name} {form.format(value)}" for name, value in metrics.items() if value is not None)
    return f"; {words}" if words else ""
