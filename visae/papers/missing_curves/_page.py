"""The page of the reproduction, in Markdown: our numbers and tables, and the paper's findings."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.nulls import SEEDS
from visae.papers.missing_curves._dictionaries import PAPER
from visae.papers.missing_curves._gaps import ASKED
from visae.papers.missing_curves._tables import (
    LISTED,
    counted_summary,
    detectors_summary,
    gaps_table,
    grid_table,
    population_table,
    tuning_table,
)
from visae.papers.report import fill_page
from visae.training._train_layer import MAIN
from visae.tuning import DEFAULT_CRITERIA, GAP_DISTANCE

_Row = Mapping[str, Any]

_PLOTS = {"curves": "Tuning of neurons, features and nulls", "coverage": "Coverage", "selectivity": "Selectivity"}
_NATURAL_PLOTS = {"radius": "Response over orientation and radius", "natural": "Tuning in natural images"}
_GOOD, _FEW_DEAD = 0.9, 0.2  # minimum explained variance and maximum share of dead features of a trustworthy dictionary
_FROM_NEURONS = f"{GAP_DISTANCE:g}° or more from every curve neuron"

_LAYER = """## {name}

{rows:,} rows.

{dictionaries}

Nulls: mean over the seeds, and the lowest and highest in brackets.

{populations}

{headlines}

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
        "asked": ASKED,
        "seeds": SEEDS,
        "detectors_table": detectors_summary(layers),
        "counted_table": counted_summary(layers),
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
    name, neurons = layer["name"], layer["populations"]["neurons"]["curve_units"]
    gaps = [_gaps(name, kind, rows, neurons, layer["populations"][kind]) for kind, rows in layer["in_gaps"].items()]
    values = {
        "name": name,
        "rows": layer["rows"],
        "dictionaries": "\n\n".join(_dictionary(population, sae) for population, sae in layer["saes"].items()),
        "populations": population_table(layer),
        "headlines": "\n\n".join(_headlines(kind, layer["headlines"][kind]) for kind in (MAIN, PAPER)),
        "plots": _images(name, _PLOTS),
        "tuning": tuning_table(layer),
        "natural_plots": _images(name, _NATURAL_PLOTS) if layer["natural"] else "",
        "grid": grid_table(layer),
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


def _headlines(kind: str, lines: Sequence[str]) -> str:
    """Which headlines about a dictionary a null matches."""
    if not lines:
        return f"No null matches any figure of `{kind}`."
    return "\n".join([f"Figures of `{kind}` that a null matches:", "", *(f"- {line}" for line in lines)])


def _gaps(layer: str, kind: str, rows: Sequence[_Row], neurons: int, population: _Row) -> str:
    """The features of a dictionary in the neurons' gaps: their number, which count, their table and plot."""
    if not rows:
        return f"No curve among the features of `{kind}` lies {_FROM_NEURONS}."
    count = f"{len(rows)} curve lies" if len(rows) == 1 else f"{len(rows)} curves lie"
    parts = [f"Among the features of `{kind}`, {count} {_FROM_NEURONS}. {_asked(rows, neurons, population)}"]
    parts.append(gaps_table(rows))
    if (more := len(rows) - LISTED) > 0:
        parts.append(f"{more} more are in report.json.")
    if kind in (MAIN, PAPER):
        parts.append(_images(layer, {f"gaps-{kind}": f"Features of {kind} in the neurons' gaps"}))
    return "\n\n".join(parts)


def _asked(rows: Sequence[_Row], neurons: int, population: _Row) -> str:
    """How many photographs were asked about, and which features count."""
    if not neurons:
        return (
            "No neuron is a curve detector, so the neurons' gap is the whole circle, and all curves lie in it. They "
            "cannot be checked against photographs, where orientations are measured relative to the curve neurons, so "
            "that none can count; see which help and are found again."
        )
    counted = ", ".join(map(str, population["counted_features"])) or "none"
    asked = "" if population["asked"] == len(rows) else f"Photographs were asked about {population['asked']} of them. "
    return f"{asked}Counted: {counted}."
