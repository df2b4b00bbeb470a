"""The reproduction of the missing curve detectors as a page of Markdown: our numbers, and what the paper found."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.reproduce.figures import IN_A_GAP
from visae.reproduce.populations import file_name
from visae.table import markdown

_MOST = 12  # features in gaps that are listed
_HARMONICS = 4
_PICTURES = {"radius": "Response over orientation and radius", "natural": "Tuning in natural images"}
_LEARNED = ("features", "ReLU features")
_COMPARED = ("neurons", *_LEARNED, "random")
_GOOD, _FEW_DEAD = 0.9, 0.2  # explained variance and dead features of a dictionary that can be trusted

_PAPER = (
    "What the paper found, on inception5h with ImageNet and five billion activations: the curve neurons of mixed3b "
    "leave two large gaps (neighbours 62 and 68 degrees apart, near 207 and 326 degrees, where the best neuron's "
    "response falls to half of what it is elsewhere), and features of its SAEs lie in them. Its table of recipes "
    "could not be retrieved."
)

# Of the ten curve neurons of inception5h's mixed3b, from the data published with "Curve Detectors": medians, but for
# the harmonics, which are shares of all ten together; the last is the median over pairs of nine neurons.
_PUBLISHED_LAYERS = ("mixed3b", "mixed3b_5x5")
_PUBLISHED = ["paper's ten neurons", "0.91", "50°", "0.01", "", "", "", "48 29 13 5", "", "9°"]

_CRITERIA = (
    "A curve detector responds more to some circle than to any line or edge, has one sharp peak over orientation "
    "(selectivity at least 0.85), and hardly answers to the opposite curve (echo at most 0.05). Coverage is the "
    "minimum over the median of the best detector's response around the circle, in its own standard deviations over "
    "natural images: 0 where some orientation moves none of them."
)

_SUMMARY = (
    "All layers: curve detectors (their largest gap, coverage), and how many features lie in gaps, 15° or more from "
    "every curve neuron (in brackets, of how many of those that were asked dataset examples, turned in steps, confirm "
    "the orientation to within 15°). Features are those of the TopK SAE, ReLU features those of the paper's kind. A "
    "feature that hardly ever fires passes for a detector of the few stimuli that it answers to: how many random "
    "directions do, and whether natural images confirm it, tells what a count is worth."
)

_LIKENESS = (
    "What the curve detectors are like, in the median: width at half maximum; the radius they prefer; lines against "
    "circles (-1 to 1, below 0 for curves); polarity of edges (1 where only one way round counts); shares of harmonics "
    "1 to 4 of their tuning, %; and, from dataset examples turned in steps, their width in natural images and by how "
    "much the angles between pairs of them differ from those by circles:"
)


def curves_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.reproduce.missing_curves`."""
    parts = [f"# Missing curve detectors: {report['network']}", _PAPER, _comparable(report), _CRITERIA]
    parts += [_SUMMARY, markdown(_summary(report))]
    for layer, found in report["layers"].items():
        parts += [f"## {layer}", *_layer(layer, found)]
    return "\n\n".join(parts) + "\n"


def _summary(report: Mapping[str, Any]) -> list[list[str]]:
    rows = [["layer", *_COMPARED, *(f"{name} in gaps" for name in _LEARNED)]]
    for layer, found in report["layers"].items():
        compared = [_covers(found["populations"][name]) for name in _COMPARED]
        rows.append([layer, *compared, *(_counted(found["in_gaps"][name]) for name in _LEARNED)])
    return rows


def _counted(in_gaps: Sequence[Mapping[str, Any]]) -> str:
    asked = [row for row in in_gaps if row["natural_selectivity"] is not None]
    return f"{len(in_gaps)} ({sum(map(_confirmed, asked))} of {len(asked)})" if in_gaps else "0"


def _covers(of: Mapping[str, Any]) -> str:
    ratio = "" if of["coverage"] is None else f", {of['coverage']:.2f}"
    return f"{of['curve_units']} of {of['units']:,} ({of['largest_gap']:.0f}°{ratio})"


def _confirmed(row: Mapping[str, Any]) -> bool:
    """Whether natural images agree with circles on the orientation of a feature."""
    return row["natural_disagreement"] is not None and row["natural_disagreement"] < IN_A_GAP


def _comparable(report: Mapping[str, Any]) -> str:
    rows = sum(found["rows"] for found in report["layers"].values())
    if report["network"] == "inceptionv1":
        network = "This is the paper's network"
    else:
        network = (
            f"This network, {report['network']}, is not the paper's: its neurons are others, and so may be their gaps"
        )
    return (
        f"{network}. The budget here is {report['images']:,} images and {rows:,} activations, not five billion; what "
        "is missing here may be missing for that reason."
    )


def _layer(layer: str, found: Mapping[str, Any]) -> list[str]:
    populations = found["populations"]
    head = ["population", "units", "curve detectors", "largest gap", "coverage", "lines", "edges", "angles", "double"]
    rows = [[name, *_row(of)] for name, of in populations.items()]
    parts = [
        f"{found['rows']:,} rows.",
        *(_dictionary(name, sae) for name, sae in found["saes"].items()),
        markdown([head, *rows]),
        f"![Tuning of neurons and features]({layer}/curves.png)",
        f"![Coverage]({layer}/coverage.png)",
        f"![Selectivity]({layer}/selectivity.png)",
        _LIKENESS,
        markdown(_likeness(layer, found)),
    ]
    if found["natural"]:
        parts += [f"![{words}]({layer}/{name}.png)" for name, words in _PICTURES.items()]
    for name, in_gaps in found["in_gaps"].items():
        parts += [
            f"Curve detectors, neurons / {name}, and the largest gap of each, under other thresholds:",
            _grid(populations["neurons"]["grid"], populations[name]["grid"]),
            _gaps(name, in_gaps, populations["neurons"]["curve_units"], populations[name]["curve_units"]),
        ]
        if in_gaps:
            parts.append(f"![{name} in the neurons' gaps]({layer}/gaps-{file_name(name)}.png)")
    return parts


def _dictionary(name: str, sae: Mapping[str, Any]) -> str:
    return (
        f"{name}: {sae['kind']}, {sae['width']:,} features, explained variance {sae['explained_variance']:.3f}, "
        f"L0 {sae['l0']:.1f}, dead {sae['dead_fraction']:.1%}.{_doubt(sae)}"
    )


def _likeness(layer: str, found: Mapping[str, Any]) -> list[list[str]]:
    head = ["population", "selectivity", "width", "echo", "radius", "line or curve", "polarity", "harmonics"]
    rows = [[*head, "natural width", "angles differ by"]]
    for name, of in found["populations"].items():
        median, natural = of["medians_of_curve_units"], found["natural"].get(name, {})
        if not median:
            continue
        shares = " ".join(f"{100 * share:.0f}" for share in median["harmonics"][:_HARMONICS])
        cells = [
            f"{median['selectivity']:.2f}",
            f"{median['width']:.0f}°",
            f"{median['echo']:.2f}",
            f"{median['radius']:.0f} px",
            f"{median['line_or_curve']:+.2f}",
            f"{median['polarity']:.2f}",
            shares,
            _degrees(natural.get("width")),
            _degrees(natural.get("disagreement_with_circles")),
        ]
        rows.append([name, *cells])
    return [*rows, _PUBLISHED] if layer in _PUBLISHED_LAYERS else rows


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}°"


def _doubt(sae: Mapping[str, Any]) -> str:
    """A warning, where the dictionary is too poor for what was found with it to be trusted."""
    if sae["explained_variance"] >= _GOOD and sae["dead_fraction"] <= _FEW_DEAD:
        return ""
    return " This dictionary is undertrained: what it found is as doubtful as what it missed; give it more images."


def _row(of: Mapping[str, Any]) -> list[str]:
    families = of["families"]
    ratio = "" if of["coverage"] is None else f"{of['coverage']:.2f}"
    others = [str(families[family]) for family in ("line", "edge", "angle", "double_curve")]
    return [str(of["units"]), str(of["curve_units"]), f"{of['largest_gap']:.0f}°", ratio, *others]


def _grid(neurons: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> str:
    selectivities = sorted({row["selectivity"] for row in neurons})
    rows = [["echo ↓ selectivity →", *(f"{value:g}" for value in selectivities)]]
    for echo in sorted({row["echo"] for row in neurons}):
        cells = []
        for selectivity in selectivities:
            pair = [_at(of, selectivity, echo) for of in (neurons, features)]
            cells.append(" / ".join(f"{row['count']} ({row['largest_gap']:.0f}°)" for row in pair))
        rows.append([f"{echo:g}", *cells])
    return markdown(rows)


def _natural(row: Mapping[str, Any]) -> str:
    if row["natural_selectivity"] is None:
        return ""
    off = row["natural_disagreement"]
    return f"{row['natural_selectivity']:.2f}, {'orientation unknown' if off is None else f'{off:.0f}° off'}"


def _at(grid: Sequence[Mapping[str, Any]], selectivity: float, echo: float) -> Mapping[str, Any]:
    return next(row for row in grid if row["selectivity"] == selectivity and row["echo"] == echo)


def _gaps(name: str, rows: Sequence[Mapping[str, Any]], neurons: int, features: int) -> str:
    if not neurons:
        return f"No neuron is a curve detector: there are no gaps, and all {features} curves among the {name} are new."
    if not rows:
        return f"No curve among the {name} lies 15° or more from every curve neuron."
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
    more = f"\n\n{len(rows) - _MOST} more are in report.json." if len(rows) > _MOST else ""
    lie = "curve lies" if len(rows) == 1 else "curves lie"
    count = f"Of the {name}, {len(rows)} {lie} 15° or more from every curve neuron, the farthest first:"
    return f"{count}\n\n{markdown([head, *cells])}{more}"
