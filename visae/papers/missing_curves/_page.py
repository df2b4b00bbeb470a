"""The page of the reproduction, in Markdown: our numbers and their tables, and what the paper found."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae._support.tables import markdown
from visae.papers.missing_curves._populations import LEARNED, file_name
from visae.papers.report import page
from visae.tuning import DEFAULT_CRITERIA, GAP_DISTANCE

_COMPARED = ("neurons", *LEARNED, "random")  # in the first table
_PLOTS = {"curves": "Tuning of neurons and features", "coverage": "Coverage", "selectivity": "Selectivity"}
_NATURAL_PLOTS = {"radius": "Response over orientation and radius", "natural": "Tuning in natural images"}
_LISTED = 12  # features in gaps
_HARMONICS = 4
_GOOD, _FEW_DEAD = 0.9, 0.2  # explained variance and dead features of a dictionary that can be trusted

# The ten curve neurons of inception5h's mixed3b, from the data published with "Curve Detectors": medians, except that
# the harmonics are shares of all ten together, and the last is the median over pairs of nine neurons.
_PUBLISHED_LAYERS = ("mixed3b", "mixed3b_5x5")
_PUBLISHED = ["paper's ten neurons", "0.91", "50°", "0.01", "", "", "", "48 29 13 5", "", "9°"]

_PAPER = (
    "What the paper found, on inception5h with ImageNet and five billion activations: the curve neurons of mixed3b "
    "leave two large gaps (neighbours 62 and 68 degrees apart, near 207 and 326 degrees, where the best neuron's "
    "response drops to half of its level elsewhere), and features of its SAEs lie in them. Its table of SAE "
    "configurations could not be retrieved."
)

_CRITERIA = (
    "A curve detector responds more to some circle than to any line or edge, and almost as much as to any corner; has "
    f"one sharp peak over orientation (selectivity at least {DEFAULT_CRITERIA.selectivity:g}); barely responds to the "
    f"opposite curve (echo at most {DEFAULT_CRITERIA.echo:g}); and reaches {DEFAULT_CRITERIA.response:.0%} of the "
    "strongest unit's response. Coverage is the minimum over the median of the best detector's response around the "
    "circle, in that detector's standard deviations over natural images: 0 where some orientation drives none of them."
)

_FROM_NEURONS = f"{GAP_DISTANCE:g}° or more from every curve neuron"

_SUMMARY = (
    "All layers. Each population: curve detectors (their largest gap, coverage). In gaps: features that are "
    f"{_FROM_NEURONS} (in brackets: how many of those that were checked against natural images agree to within "
    f"{GAP_DISTANCE:g}° there, measured on rotated dataset examples relative to the curve neurons; chance would give "
    f"one in {180 / GAP_DISTANCE:g}; no brackets where no neuron is a curve detector and none can be checked). "
    "Features are those of the TopK SAE, ReLU features those of the paper's kind. A feature that almost never fires "
    "passes for a detector of the few stimuli it responds to: judge a count by the count among random directions, and "
    "by the check in natural images."
)

_TUNING = (
    "Medians over the curve detectors: full width at half maximum; preferred radius; lines against circles (-1 to 1, "
    "below 0 for curves); polarity of edges (1 if one polarity alone drives the unit); shares of harmonics 1 to 4 of "
    "the tuning, %; and, from rotated dataset examples, the width in natural images and the difference between the "
    "angles of pairs of units in natural images and by circles:"
)

_GRID = (
    "Curve detectors under other thresholds (minimum selectivity, maximum echo), with the largest gap of each "
    "population and the number of features in gaps:"
)

_DOUBT = " It explains little of the layer, or many features are dead: doubt what it found, and what it missed."


def curves_page(report: Mapping[str, Any]) -> str:
    """Render the report of `reproduce` as Markdown."""
    parts = [f"# Missing curve detectors: {report['network']}", _PAPER, _comparability(report), _CRITERIA]
    parts += [_SUMMARY, markdown(_summary_table(report))]
    for name, layer in report["layers"].items():
        parts += [f"## {name}", *_layer_parts(name, layer)]
    return page(parts)


def _comparability(report: Mapping[str, Any]) -> str:
    rows = max(layer["rows"] for layer in report["layers"].values())
    if report["network"] == "inceptionv1":
        network = "This is the paper's network"
    else:
        network = f"This network, {report['network']}, is not the paper's: its neurons, and so their gaps, may differ"
    return (
        f"{network}. The budget was {report['images']:,} images and {rows:,} activations of a layer, not five "
        "billion; what is missing may be missing for that reason."
    )


def _layer_parts(name: str, layer: Mapping[str, Any]) -> list[str]:
    populations = layer["populations"]
    parts = [
        f"{layer['rows']:,} rows.",
        *(_dictionary(population, sae) for population, sae in layer["saes"].items()),
        markdown(_population_table(populations)),
        *_images(name, _PLOTS),
        _TUNING,
        markdown(_tuning_table(name, layer)),
    ]
    if layer["natural"]:
        parts += _images(name, _NATURAL_PLOTS)
    parts += [_GRID, markdown(_grid_table(layer))]
    neurons = populations["neurons"]["curve_units"]
    for population, rows in layer["in_gaps"].items():
        parts.append(_gaps(population, rows, neurons, populations[population]["curve_units"]))
        if rows:
            parts += _images(name, {f"gaps-{file_name(population)}": f"{population} in the neurons' gaps"})
    return parts


def _images(layer: str, plots: Mapping[str, str]) -> list[str]:
    return [f"![{caption}]({layer}/{plot}.png)" for plot, caption in plots.items()]


def _dictionary(name: str, sae: Mapping[str, Any]) -> str:
    trusted = sae["explained_variance"] >= _GOOD and sae["dead_fraction"] <= _FEW_DEAD
    return (
        f"{name}: {sae['kind']}, {sae['width']:,} features, explained variance {sae['explained_variance']:.3f}, "
        f"L0 {sae['l0']:.1f}, dead {sae['dead_fraction']:.1%}.{'' if trusted else _DOUBT}"
    )


def _gaps(name: str, rows: Sequence[Mapping[str, Any]], neurons: int, features: int) -> str:
    if not neurons:
        return (
            f"No neuron is a curve detector, so the neurons' gap is the whole circle, and all {features} curves among "
            f"the {name} lie in it. They cannot be checked against natural images, where orientations are measured "
            f"relative to the curve neurons.\n\n{markdown(_gap_table(rows))}"
        )
    if not rows:
        return f"No curve among the {name} lies {_FROM_NEURONS}."
    count = f"{len(rows)} curve lies" if len(rows) == 1 else f"{len(rows)} curves lie"
    more = len(rows) - _LISTED
    return f"Among the {name}, {count} {_FROM_NEURONS}, the farthest first:\n\n{markdown(_gap_table(rows))}" + (
        f"\n\n{more} more are in report.json." if more > 0 else ""
    )


def _summary_table(report: Mapping[str, Any]) -> list[list[str]]:
    """One row per layer."""
    rows = [["layer", *_COMPARED, *(f"{name} in gaps" for name in LEARNED)]]
    for name, layer in report["layers"].items():
        compared = [_covered(layer["populations"][population]) for population in _COMPARED]
        rows.append([name, *compared, *(_confirmed(layer["in_gaps"][population]) for population in LEARNED)])
    return rows


def _covered(population: Mapping[str, Any]) -> str:
    ratio = _format(population["coverage"], ", {:.2f}")
    return f"{population['curve_units']} of {population['units']:,} ({population['largest_gap']:.0f}°{ratio})"


def _confirmed(in_gaps: Sequence[Mapping[str, Any]]) -> str:
    """The number of features in gaps, and on how many of their orientations natural images agree with circles."""
    known = [row["natural_disagreement"] for row in in_gaps if row["natural_disagreement"] is not None]
    confirmed = sum(disagreement < GAP_DISTANCE for disagreement in known)
    return f"{len(in_gaps)} ({confirmed} of {len(known)})" if known else str(len(in_gaps))


def _population_table(populations: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """One row per population: its curve detectors, how they cover the circle, and the sizes of other families."""
    rows = [["population", "units", "curve detectors", "largest gap", "coverage", "lines", "edges", "angles", "double"]]
    for name, population in populations.items():
        gap, coverage = f"{population['largest_gap']:.0f}°", _format(population["coverage"], "{:.2f}")
        families = [str(population["families"][family]) for family in ("line", "edge", "angle", "double_curve")]
        rows.append([name, str(population["units"]), str(population["curve_units"]), gap, coverage, *families])
    return rows


def _tuning_table(layer_name: str, layer: Mapping[str, Any]) -> list[list[str]]:
    """One row per population with curve detectors: their median tuning; and the paper's neurons in its layers."""
    head = ["population", "selectivity", "width", "echo", "radius", "line or curve", "polarity", "harmonics"]
    rows = [[*head, "natural width", "angles differ by"]]
    for name, population in layer["populations"].items():
        median, natural = population["medians_of_curve_units"], layer["natural"].get(name, {})
        if not median:
            continue
        cells = [
            _format(median["selectivity"], "{:.2f}"),
            _format(median["width"], "{:.0f}°"),
            _format(median["echo"], "{:.2f}"),
            _format(median["radius"], "{:.0f} px"),
            _format(median["line_or_curve"], "{:+.2f}"),
            _format(median["polarity"], "{:.2f}"),
            " ".join(f"{100 * share:.0f}" for share in median["harmonics"][:_HARMONICS]),
            _format(natural.get("width"), "{:.0f}°"),
            _format(natural.get("disagreement_with_circles"), "{:.0f}°"),
        ]
        rows.append([name, *cells])
    return [*rows, _PUBLISHED] if layer_name in _PUBLISHED_LAYERS else rows


def _grid_table(layer: Mapping[str, Any]) -> list[list[str]]:
    """One row per pair of thresholds: counts, largest gaps, and features in gaps."""
    populations, in_gaps = layer["populations"], layer["in_gaps_over_grid"]
    rows = [["selectivity", "echo", *populations]]
    for index, thresholds in enumerate(populations["neurons"]["grid"]):
        cells = []
        for name, population in populations.items():
            row = population["grid"][index]
            gaps = f", {in_gaps[name][index]} in gaps" if name in in_gaps else ""
            cells.append(f"{row['count']} ({row['largest_gap']:.0f}°){gaps}")
        rows.append([f"{thresholds['selectivity']:g}", f"{thresholds['echo']:g}", *cells])
    return rows


def _gap_table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """One row per feature in a gap, for the first of them."""
    head = ["feature", "orientation", "nearest curve neuron", "selectivity", "in natural images"]
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
        for row in rows[:_LISTED]
    ]
    return [[*head, "largest neurons", "largest cosine"], *cells]


def _natural(row: Mapping[str, Any]) -> str:
    if not row["asked"]:
        return ""
    return "unknown" if row["natural_disagreement"] is None else f"{row['natural_disagreement']:.0f}° off"


def _format(value: float | None, form: str) -> str:
    """Format a metric; nothing where it is undefined, such as the polarity of units that respond to no edge."""
    return "" if value is None else form.format(value)
