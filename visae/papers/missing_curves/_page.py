"""The page of the reproduction, in Markdown: our numbers and tables, and the paper's findings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visae.papers.missing_curves._populations import LEARNED, file_name
from visae.papers.report import Columns, fill_page, table
from visae.tuning import DEFAULT_CRITERIA, GAP_DISTANCE

_Row = Mapping[str, Any]

_COMPARED = ("neurons", *LEARNED, "random")  # in the first table
_SUMMARY = ("layer", *_COMPARED, *(f"{name} in gaps" for name in LEARNED))
_PLOTS = {"curves": "Tuning of neurons and features", "coverage": "Coverage", "selectivity": "Selectivity"}
_NATURAL_PLOTS = {"radius": "Response over orientation and radius", "natural": "Tuning in natural images"}
_LISTED = 12  # features in gaps
_HARMONICS = 4
_GOOD, _FEW_DEAD = 0.9, 0.2  # minimum explained variance and maximum share of dead features of a trustworthy dictionary
_FROM_NEURONS = f"{GAP_DISTANCE:g}° or more from every curve neuron"

_LAYER = """## {name}

{rows:,} rows.

{dictionaries}

{populations}

{plots}

Medians over the curve detectors: full width at half maximum; preferred radius; lines against circles (-1 to 1, below \
0 for curves); polarity of edges (1 if one polarity alone drives the unit); shares of harmonics 1 to 4 of the tuning, \
%; and, from rotated dataset examples, the width in natural images and the difference between the angles of pairs of \
units in natural images and by circles:

{tuning}

{natural_plots}

Curve detectors under other thresholds (minimum selectivity, maximum echo), with the largest gap of each population \
and the number of features in gaps:

{grid}

{gaps}"""
_DOUBT = " It explains little of the layer, or many features are dead: doubt what it found, and what it missed."

# The ten curve neurons of inception5h's mixed3b, from the data published with "Curve Detectors": medians, except that
# the harmonics are shares of all ten together, and the last is the median over pairs of nine neurons.
_PUBLISHED_LAYERS = ("mixed3b", "mixed3b_5x5")
_PUBLISHED = {
    **{"name": "paper's ten neurons", "selectivity": 0.91, "width": 50, "echo": 0.01, "radius": None},
    **{"line_or_curve": None, "polarity": None, "harmonics": [0.48, 0.29, 0.13, 0.05]},
    **{"natural_width": None, "disagreement": 9},
}


def _defined(key: str, form: str) -> Callable[[_Row], str]:
    """A column with a metric; empty where undefined, such as the polarity of units that respond to no edge."""
    return lambda row: "" if row[key] is None else form.format(row[key])


_POPULATIONS: Columns = {
    "population": "{name}",
    "units": "{units}",
    "curve detectors": "{curve_units}",
    "largest gap": "{largest_gap:.0f}°",
    "coverage": _defined("coverage", "{:.2f}"),
    "lines": "{families[line]}",
    "edges": "{families[edge]}",
    "angles": "{families[angle]}",
    "double": "{families[double_curve]}",
}
_TUNING: Columns = {
    "population": "{name}",
    "selectivity": _defined("selectivity", "{:.2f}"),
    "width": _defined("width", "{:.0f}°"),
    "echo": _defined("echo", "{:.2f}"),
    "radius": _defined("radius", "{:.0f} px"),
    "line or curve": _defined("line_or_curve", "{:+.2f}"),
    "polarity": _defined("polarity", "{:.2f}"),
    "harmonics": lambda row: " ".join(f"{100 * share:.0f}" for share in row["harmonics"][:_HARMONICS]),
    "natural width": _defined("natural_width", "{:.0f}°"),
    "angles differ by": _defined("disagreement", "{:.0f}°"),
}
_GAPS: Columns = {
    "feature": "{feature}",
    "orientation": "{orientation:.0f}°",
    "nearest curve neuron": "{nearest_curve_neuron:.0f}° away",
    "selectivity": "{selectivity:.2f}",
    "in natural images": lambda row: _natural(row) if row["asked"] else "",
    "largest neurons": lambda row: ", ".join(f"{n} ({weight:+.2f})" for n, weight in row["neurons"].items()),
    "largest cosine": "{cosine_to_nearest_neuron:.2f}",
}


def curves_page(report: _Row) -> str:
    """Render the report of `reproduce` as Markdown."""
    layers = [{"name": name, **layer} for name, layer in report["layers"].items()]
    values = {
        "network": report["network"],
        "comparability": _comparability(report),
        "criteria": DEFAULT_CRITERIA,
        "from_neurons": _FROM_NEURONS,
        "gap": GAP_DISTANCE,
        "chance": 180 / GAP_DISTANCE,
        "summary_table": table(map(_summary_row, layers), {name: f"{{{name}}}" for name in _SUMMARY}),
        "layers": "\n\n".join(map(_layer_section, layers)),
    }
    return fill_page("missing_curves", values)


def _comparability(report: _Row) -> str:
    rows = max(layer["rows"] for layer in report["layers"].values())
    if report["network"] == "inceptionv1":
        network = "This is the paper's network"
    else:
        network = f"This network, {report['network']}, is not the paper's: its neurons, and so their gaps, may differ"
    return (
        f"{network}. The budget was {report['images']:,} images and {rows:,} activations of a layer, not five "
        "billion; what is missing may be missing for that reason."
    )


def _layer_section(layer: _Row) -> str:
    name, populations = layer["name"], layer["populations"]
    neurons = populations["neurons"]["curve_units"]
    gaps = [
        _gaps(name, population, rows, neurons, populations[population]["curve_units"])
        for population, rows in layer["in_gaps"].items()
    ]
    values = {
        "name": name,
        "rows": layer["rows"],
        "dictionaries": "\n\n".join(_dictionary(population, sae) for population, sae in layer["saes"].items()),
        "populations": table(({"name": name, **row} for name, row in populations.items()), _POPULATIONS),
        "plots": _images(name, _PLOTS),
        "tuning": table(_tuning_rows(layer), _TUNING),
        "natural_plots": _images(name, _NATURAL_PLOTS) if layer["natural"] else "",
        "grid": table(_grid_rows(layer), {name: f"{{{name}}}" for name in ("selectivity", "echo", *populations)}),
        "gaps": "\n\n".join(gaps),
    }
    return _LAYER.format_map(values)


def _images(layer: str, plots: Mapping[str, str]) -> str:
    return "\n\n".join(f"![{caption}]({layer}/{plot}.png)" for plot, caption in plots.items())


def _dictionary(name: str, sae: _Row) -> str:
    trusted = sae["explained_variance"] >= _GOOD and sae["dead_fraction"] <= _FEW_DEAD
    return (
        f"{name}: {sae['kind']}, {sae['width']:,} features, explained variance {sae['explained_variance']:.3f}, "
        f"L0 {sae['l0']:.1f}, dead {sae['dead_fraction']:.1%}.{'' if trusted else _DOUBT}"
    )


def _gaps(layer: str, name: str, rows: Sequence[_Row], neurons: int, features: int) -> str:
    """The features of a population in the neurons' gaps: their number, table and plot."""
    if not rows and neurons:
        return f"No curve among the {name} lies {_FROM_NEURONS}."
    count = f"{len(rows)} curve lies" if len(rows) == 1 else f"{len(rows)} curves lie"
    more = len(rows) - _LISTED
    parts = [f"Among the {name}, {count} {_FROM_NEURONS}, the farthest first:", table(rows[:_LISTED], _GAPS)]
    if not neurons:
        parts[0] = (
            f"No neuron is a curve detector, so the neurons' gap is the whole circle, and all {features} curves among "
            f"the {name} lie in it. They cannot be checked against natural images, where orientations are measured "
            "relative to the curve neurons."
        )
    elif more > 0:
        parts.append(f"{more} more are in report.json.")
    if rows:
        parts.append(_images(layer, {f"gaps-{file_name(name)}": f"{name} in the neurons' gaps"}))
    return "\n\n".join(parts)


def _summary_row(layer: _Row) -> _Row:
    covered = {name: _covered(layer["populations"][name]) for name in _COMPARED}
    return {
        "layer": layer["name"],
        **covered,
        **{f"{name} in gaps": _confirmed(layer["in_gaps"][name]) for name in LEARNED},
    }


def _covered(population: _Row) -> str:
    ratio = _defined("coverage", ", {:.2f}")(population)
    return f"{population['curve_units']} of {population['units']:,} ({population['largest_gap']:.0f}°{ratio})"


def _confirmed(in_gaps: Sequence[_Row]) -> str:
    """The number of features in gaps, and for how many of them natural images confirm the orientation."""
    known = [row["natural_disagreement"] for row in in_gaps if row["natural_disagreement"] is not None]
    confirmed = sum(disagreement < GAP_DISTANCE for disagreement in known)
    return f"{len(in_gaps)} ({confirmed} of {len(known)})" if known else str(len(in_gaps))


def _tuning_rows(layer: _Row) -> list[_Row]:
    """The median tuning of each population with curve detectors; and the paper's neurons in its layers."""
    rows: list[_Row] = []
    for name, population in layer["populations"].items():
        natural = layer["natural"].get(name, {})
        measured = {"natural_width": natural.get("width"), "disagreement": natural.get("disagreement_with_circles")}
        if median := population["medians_of_curve_units"]:
            rows.append({"name": name, **median, **measured})
    return [*rows, _PUBLISHED] if layer["name"] in _PUBLISHED_LAYERS else rows


def _grid_rows(layer: _Row) -> list[_Row]:
    """For each pair of thresholds, the count, largest gap and features in gaps of each population."""
    rows: list[_Row] = []
    for index, thresholds in enumerate(layer["populations"]["neurons"]["grid"]):
        cells = {key: f"{thresholds[key]:g}" for key in ("selectivity", "echo")}
        for name, population in layer["populations"].items():
            row, in_gaps = population["grid"][index], layer["in_gaps_over_grid"]
            gaps = f", {in_gaps[name][index]} in gaps" if name in in_gaps else ""
            cells[name] = f"{row['count']} ({row['largest_gap']:.0f}°){gaps}"
        rows.append(cells)
    return rows


def _natural(row: _Row) -> str:
    return "unknown" if row["natural_disagreement"] is None else f"{row['natural_disagreement']:.0f}° off"
