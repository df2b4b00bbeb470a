"""The tables of the page of the missing curve detectors."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.training._layer import LEARNED
from visae.tuning import GAP_DISTANCE

_MOST = 12  # features in gaps that are listed
_HARMONICS = 4
_COMPARED = ("neurons", *LEARNED, "random")

# Of the ten curve neurons of inception5h's mixed3b, from the data published with "Curve Detectors": medians, but for
# the harmonics, which are shares of all ten together; the last is the median over pairs of nine neurons.
_PUBLISHED_LAYERS = ("mixed3b", "mixed3b_5x5")
_PUBLISHED = ["paper's ten neurons", "0.91", "50°", "0.01", "", "", "", "48 29 13 5", "", "9°"]

Table = list[list[str]]


def summary(report: Mapping[str, Any]) -> Table:
    """All layers, a row each."""
    rows = [["layer", *_COMPARED, *(f"{name} in gaps" for name in LEARNED)]]
    for layer, found in report["layers"].items():
        compared = [_covers(found["populations"][name]) for name in _COMPARED]
        rows.append([layer, *compared, *(_counted(found["in_gaps"][name]) for name in LEARNED)])
    return rows


def _counted(in_gaps: Sequence[Mapping[str, Any]]) -> str:
    asked = [row for row in in_gaps if row["natural_disagreement"] is not None]
    return f"{len(in_gaps)} ({sum(map(_confirmed, asked))} of {len(asked)})" if asked else str(len(in_gaps))


def _covers(of: Mapping[str, Any]) -> str:
    ratio = "" if of["coverage"] is None else f", {of['coverage']:.2f}"
    return f"{of['curve_units']} of {of['units']:,} ({of['largest_gap']:.0f}°{ratio})"


def _confirmed(row: Mapping[str, Any]) -> bool:
    """Whether natural images agree with circles on the orientation of a feature."""
    return bool(row["natural_disagreement"] < GAP_DISTANCE)


def populations(of_layer: Mapping[str, Mapping[str, Any]]) -> Table:
    """The populations of a layer, a row each: curve detectors, how they cover the circle, and other families."""
    head = ["population", "units", "curve detectors", "largest gap", "coverage", "lines", "edges", "angles", "double"]
    return [head, *([name, *_row(of)] for name, of in of_layer.items())]


def _row(of: Mapping[str, Any]) -> list[str]:
    families = of["families"]
    ratio = "" if of["coverage"] is None else f"{of['coverage']:.2f}"
    others = [str(families[family]) for family in ("line", "edge", "angle", "double_curve")]
    return [str(of["units"]), str(of["curve_units"]), f"{of['largest_gap']:.0f}°", ratio, *others]


def likeness(layer: str, found: Mapping[str, Any]) -> Table:
    """What the curve detectors of each population are like, and those of the paper where it has any."""
    head = ["population", "selectivity", "width", "echo", "radius", "line or curve", "polarity", "harmonics"]
    rows = [[*head, "natural width", "angles differ by"]]
    for name, of in found["populations"].items():
        median, natural = of["medians_of_curve_units"], found["natural"].get(name, {})
        if not median:
            continue
        shares = " ".join(f"{100 * share:.0f}" for share in median["harmonics"][:_HARMONICS])
        cells = [
            _figure(median["selectivity"], "{:.2f}"),
            _figure(median["width"], "{:.0f}°"),
            _figure(median["echo"], "{:.2f}"),
            _figure(median["radius"], "{:.0f} px"),
            _figure(median["line_or_curve"], "{:+.2f}"),
            _figure(median["polarity"], "{:.2f}"),
            shares,
            _figure(natural.get("width"), "{:.0f}°"),
            _figure(natural.get("disagreement_with_circles"), "{:.0f}°"),
        ]
        rows.append([name, *cells])
    return [*rows, _PUBLISHED] if layer in _PUBLISHED_LAYERS else rows


def _figure(value: float | None, form: str) -> str:
    """A figure, or nothing where it is not defined, as the polarity of units that answer to no edge."""
    return "" if value is None else form.format(value)


def grid(found: Mapping[str, Any]) -> Table:
    """Counts and largest gaps of every population under every pair of thresholds, and how many features lie in gaps."""
    of, in_gaps = found["populations"], found["in_gaps_over_grid"]
    rows = [["selectivity", "echo", *of]]
    for place, thresholds in enumerate(of["neurons"]["grid"]):
        cells = [_count(one["grid"][place]) + _far(in_gaps.get(name), place) for name, one in of.items()]
        rows.append([f"{thresholds['selectivity']:g}", f"{thresholds['echo']:g}", *cells])
    return rows


def _far(counts: Sequence[int] | None, place: int) -> str:
    return "" if counts is None else f", {counts[place]} in gaps"


def _count(row: Mapping[str, Any]) -> str:
    return f"{row['count']} ({row['largest_gap']:.0f}°)"


def _natural(row: Mapping[str, Any]) -> str:
    if not row["asked"]:
        return ""
    off = row["natural_disagreement"]
    return "cannot be asked" if off is None else f"{off:.0f}° off"


def in_gaps(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The first of the features in gaps, a row each."""
    head = ["feature", "orientation", "nearest curve neuron", "selectivity", "in natural images"]
    head += ["largest neurons", "largest cosine"]
    cells = [
        [
            str(row["feature"]),
            f"{row['orientation']:.0f}°",
            f"{row['nearest_curve_neuron']:.0f}° away",
            f"{row['selectivity']:.2f}",
            _natural(row),
            ", ".join(f"{neuron} ({weight:+.2f})" for neuron, weight in row["neurons"].items()),
            f"{row['cosine_to_nearest_neuron']:.2f}",
        ]
        for row in rows[:_MOST]
    ]
    return [head, *cells]
